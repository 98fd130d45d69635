//! The sizes of the programs and of the package.

use std::{fs, path::Path};

use crate::{
    side::Side,
    table::{Goal, KIB, Samples, Table},
};

pub(crate) fn measure([ours, c]: &[Side; 2], dynamic: &Path, package: &Path, table: &mut Table) {
    let of =
        |file: &Path| vec![fs::metadata(file).expect("`make bench` has built it").len() as f64];
    let goal = Goal::Below(1536.);
    table.row(
        "controller, static",
        &KIB,
        &Samples([of(&ours.controller), of(&c.controller)]),
        &goal,
    );
    table.row(
        "command, static",
        &KIB,
        &Samples([of(&ours.client), of(&c.client)]),
        &goal,
    );
    for name in ["controller", "command"] {
        table.row(
            &format!("{name}, dynamic"),
            &KIB,
            &Samples([of(&dynamic.join(name)), vec![]]),
            &goal,
        );
    }
    table.row(
        "package",
        &KIB,
        &Samples([of(package), vec![]]),
        &Goal::None,
    );
}
