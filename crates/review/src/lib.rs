//! Findings of a code review. The modules move here in the next commit.
