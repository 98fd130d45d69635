//! Certificates of a test, made by openssl.

use std::{fs, path::Path, process::Command};

use crate::Outcome;

/// An authority for certificates, with its files in a directory: `NAME.pem` and `NAME.key`.
#[derive(Debug)]
pub struct Authority<'a> {
    directory: &'a Path,
    name: &'a str,
}

/// The end of a certificate's time.
#[derive(Clone, Copy, Debug)]
pub enum Validity {
    /// Long after the test.
    Valid,
    /// Long before it.
    Expired,
}

const NEW_KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout";

impl<'a> Authority<'a> {
    /// Makes an authority.
    #[must_use]
    pub fn new(directory: &'a Path, name: &'a str) -> Authority<'a> {
        let authority = Authority { directory, name };
        authority.openssl(&format!(
            "req -x509 {NEW_KEY} {name}.key -out {name}.pem -subj /CN={name} -days 2"
        ));
        let settings = format!(
            "[ca]\ndefault_ca = ca\ndatabase = {name}.index\nnew_certs_dir = .\nrand_serial = yes\ndefault_md = sha256\n\
             certificate = {name}.pem\nprivate_key = {name}.key\npolicy = policy\ncopy_extensions = copy\n\
             [policy]\ncommonName = supplied\n"
        );
        for (extension, text) in [("conf", &*settings), ("index", "")] {
            fs::write(directory.join(format!("{name}.{extension}")), text)
                .expect("the directory is ours");
        }
        authority
    }

    /// Makes `NAME.pem` and `NAME.key` for these alternative names.
    pub fn sign(&self, name: &str, alternatives: &str, validity: Validity) {
        let authority = self.name;
        let end = match validity {
            Validity::Valid => "20491231235959Z",
            Validity::Expired => "20210101000000Z",
        };
        self.openssl(&format!(
            "req -new {NEW_KEY} {name}.key -out {name}.csr -subj /CN={name} -addext subjectAltName={alternatives} \
             -addext basicConstraints=critical,CA:FALSE"
        ));
        // Not `x509 -req`: only this command takes a time in the past in each version of OpenSSL 3.
        self.openssl(&format!(
            "ca -batch -notext -config {authority}.conf -in {name}.csr -out {name}.pem -startdate 20200101000000Z -enddate {end}"
        ));
    }

    /// Runs openssl in the directory. It succeeds.
    pub fn openssl(&self, arguments: &str) {
        let mut openssl = Command::new("openssl");
        openssl.args(arguments.split_whitespace());
        let outcome = Outcome::of(openssl.current_dir(self.directory));
        assert_eq!(outcome.code, Some(0), "{arguments}: {}", outcome.err);
    }
}
