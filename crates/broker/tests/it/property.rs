//! The router against the model, in random interleavings.

use proptest::prelude::*;

use crate::model::{CHOICES, STEPS, play};

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn nothing_is_lost_doubled_reordered_or_given_to_a_stranger(
        steps in proptest::collection::vec((0..STEPS, 0..CHOICES, 0..CHOICES), 1..160)
    ) {
        play(steps);
    }
}
