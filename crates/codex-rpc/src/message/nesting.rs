//! The brackets that are open.

/// One bit for each open bracket, under a leading one, and the older ones in words of 63: no allocation up to that
/// depth, and no limit beyond it.
pub(super) struct Nesting {
    top: u64,
    below: Vec<u64>,
}

impl Default for Nesting {
    fn default() -> Self {
        Self { top: 1, below: Vec::new() }
    }
}

impl Nesting {
    #[inline(always)]
    pub(super) fn push(&mut self, bit: u64) {
        if self.top >> 63 != 0 {
            self.below.push(std::mem::replace(&mut self.top, 1));
        }
        self.top = self.top << 1 | bit;
    }

    /// Takes the innermost bracket that is open. At least one must be.
    #[inline(always)]
    pub(super) fn pop(&mut self) -> u64 {
        let bit = self.top & 1;
        self.top >>= 1;
        if self.top == 1 {
            self.top = self.below.pop().unwrap_or(1);
        }
        bit
    }

    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.top == 1
    }
}
