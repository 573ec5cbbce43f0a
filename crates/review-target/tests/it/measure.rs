use crate::fixture::{Fixture, assert_as_git_says};

#[track_caller]
fn same(fixture: &Fixture) {
    assert_as_git_says(fixture.root());
}

#[test]
fn plain_edits() {
    let fixture = Fixture::new();
    for name in ["a", "b", "c", "dir/d", "dir/sub/e", "dir-x/f", "dir.x"] {
        fixture.write(name, "1\n2\n3\n4\n5\n");
    }
    fixture.commit("first");
    same(&fixture);
    fixture.write("a", "1\n2\nx\n4\n5\n");
    fixture.write("dir/d", "1\n2\n3\n4\n5\n6\n");
    fixture.git(&["add", "dir/d"]);
    fixture.write("dir/d", "0\n1\n2\n3\n4\n5\n6\n");
    fixture.remove("b");
    fixture.git(&["rm", "--quiet", "dir/sub/e"]);
    fixture.write("new/deep/file", "hello\nworld");
    fixture.write("staged-new", "");
    fixture.git(&["add", "staged-new"]);
    same(&fixture);
}
