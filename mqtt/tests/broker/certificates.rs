//! Certificates of a test, made by openssl.

use std::{fs, path::Path, process::Command};

use testing::Outcome;

/// An authority whose files are in a directory: `NAME.pem` and `NAME.key`.
pub(crate) struct Authority<'a> {
    directory: &'a Path,
    name: &'a str,
}

const NEW_KEY: [&str; 5] = [
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
];

impl<'a> Authority<'a> {
    pub(crate) fn new(directory: &'a Path, name: &'a str) -> Authority<'a> {
        let authority = Authority { directory, name };
        let subject = format!("/CN={name}");
        let (key, certificate) = (format!("{name}.key"), format!("{name}.pem"));
        let files = [
            "-keyout",
            &key,
            "-out",
            &certificate,
            "-subj",
            &subject,
            "-days",
            "2",
        ];
        authority.openssl(&[&["req", "-x509"], &NEW_KEY[..], &files].concat());
        authority
    }

    /// Makes `NAME.pem` and `NAME.key` for these alternative names, valid for so many days from now.
    pub(crate) fn sign(&self, name: &str, names: &str, days: i32) {
        let extensions = format!("basicConstraints=critical,CA:FALSE\nsubjectAltName={names}\n");
        fs::write(self.directory.join("extensions"), extensions).expect("the directory is ours");
        let [request, key, certificate, subject] = ["csr", "key", "pem", ""].map(|extension| {
            format!("{name}.{extension}")
                .trim_end_matches('.')
                .to_owned()
        });
        let subject = format!("/CN={subject}");
        let files = ["-keyout", &key, "-out", &request, "-subj", &subject];
        self.openssl(&[&["req", "-new"], &NEW_KEY[..], &files].concat());
        let (ca, ca_key, days) = (
            format!("{}.pem", self.name),
            format!("{}.key", self.name),
            days.to_string(),
        );
        let signing = [
            "x509",
            "-req",
            "-in",
            &request,
            "-CA",
            &ca,
            "-CAkey",
            &ca_key,
            "-CAcreateserial",
        ];
        self.openssl(
            &[
                &signing[..],
                &[
                    "-extfile",
                    "extensions",
                    "-days",
                    &days,
                    "-out",
                    &certificate,
                ],
            ]
            .concat(),
        );
    }

    fn openssl(&self, arguments: &[&str]) {
        let outcome = Outcome::of(
            Command::new("openssl")
                .args(arguments)
                .current_dir(self.directory),
        );
        assert_eq!(
            outcome.code,
            Some(0),
            "openssl {arguments:?}: {}",
            outcome.err
        );
    }
}
