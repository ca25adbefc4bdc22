//! The generator: the same numbers give the same bytes, other numbers give extracts that run through as well.

use std::path::Path;

use crate::harness::{REPOSITORY, Workspace};
use crate::published::equals_independent;

#[test]
fn synth_gives_the_fixtures_byte_for_byte() {
    let workspace = Workspace::bare();
    workspace.ok("synth --people 6000 --seed 20260701 --out tmp/county");
    let made: Vec<_> = workspace.files("tmp/county");
    assert_eq!(made.len(), 7, "five extracts and two files of truth");
    for (path, bytes) in made {
        let shipped =
            std::fs::read(Path::new(REPOSITORY).join("fixtures/college_going").join(&path)).expect("a fixture");
        assert!(shipped == bytes, "{path} differs from the fixture");
    }
}

#[test]
fn extracts_of_another_seed_give_the_figures_of_the_independent_query() {
    let workspace = Workspace::with_keys();
    std::fs::remove_dir_all(workspace.path("fixtures/college_going")).expect("removed");
    workspace.ok("synth --people 9000 --seed 7 --out fixtures/college_going");
    workspace.ok("run college_going");
    for steward in ["lausd_steward", "laccd_steward"] {
        workspace.approve("college_going", steward);
    }
    workspace.ok("release publish college_going");
    workspace.ok("release verify college_going");
    equals_independent(&workspace, "college_going");
}
