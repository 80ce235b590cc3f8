//! Software in an image, compared with what the package managers themselves say of the same databases.

use crate::support::{Run, Running, Workbench, peer};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;

/// Names and versions of the packages of one kind in an image that has this file.
fn found(bench: &Workbench, kind: &str) -> BTreeSet<String> {
    let out = bench.text("work/out");
    bench.build(&["--sbom=format=cyclonedx", "-o", &out]);
    let statement: Value = serde_json::from_slice(&fs::read(bench.path("work/out/sbom.cdx.json")).unwrap()).unwrap();
    let components = statement["predicate"]["components"].as_array().unwrap().iter();
    let of_kind = components.filter(|it| it["purl"].as_str().is_some_and(|url| url.starts_with(kind)));
    of_kind
        .map(|it| format!("{} {}", it["name"].as_str().unwrap(), it["version"].as_str().unwrap()))
        .collect()
}

fn run(bench: &Workbench, program: &str, words: &[&str]) -> Run {
    let mut command = bench.command(program);
    command.args(words);
    Running::start(command).end().succeeds()
}

#[test]
fn dpkg_has_the_same_packages() {
    if !peer("dpkg-query") {
        return;
    }
    let bench = Workbench::with("FROM scratch\nCOPY status /var/lib/dpkg/status\nCOPY os-release /usr/lib/\n");
    bench.file("status", fs::read("/var/lib/dpkg/status").unwrap());
    bench.file("os-release", fs::read("/usr/lib/os-release").unwrap());
    let format = "${db:Status-Status} ${Package} ${Version}\n";
    let listed = run(&bench, "dpkg-query", &["-W", "-f", format]);
    let expected: BTreeSet<String> = listed
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix("installed "))
        .map(str::to_owned)
        .collect();
    assert!(expected.len() > 50);
    assert_eq!(found(&bench, "pkg:deb/debian/"), expected);
}

/// Builds two packages and puts them into a database, which is then written as a hash table of Berkeley DB too.
const DATABASES: &str = r#"
set -e
rpmbuild --quiet -bb --define "_topdir $PWD/top" two.spec >&2
mkdir sqlite hash
rpm --define "_db_backend sqlite" --dbpath "$PWD/sqlite" --justdb --nodeps -i top/RPMS/noarch/*.rpm
python3 -c '
import sqlite3
rows = sqlite3.connect("sqlite/rpmdb.sqlite").execute("select hnum, blob from Packages").fetchall()
little = lambda number: number.to_bytes(4, "little").hex()
print("VERSION=3\nformat=bytevalue\ntype=hash\nHEADER=END")
print("", little(0)); print("", little(len(rows)))
for number, blob in rows:
    print("", little(number)); print("", blob.hex())
print("DATA=END")' | db5.3_load hash/Packages
rpm --define "_db_backend sqlite" --dbpath "$PWD/sqlite" -qa --qf '%{NAME} %|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\n'
rpm --define "_db_backend bdb_ro" --dbpath "$PWD/hash" -qa --qf '%{NAME} %|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\n'
"#;

#[test]
fn rpm_has_the_same_packages_in_either_of_its_databases() {
    if !peer("rpmbuild") || !peer("rpm") || !peer("db5.3_load") {
        return;
    }
    let bench = Workbench::bare();
    let spec = format!(
        "Name: first\nEpoch: 2\nVersion: 1.4\nRelease: 3.x\nSummary: one\nLicense: MIT\nBuildArch: noarch\n\
         %description\n{}\n%package -n second\nSummary: two\nVersion: 2\n%description -n second\ntwo\n%files\n%files -n second\n",
        "A long description, so that the header has several pages.\n".repeat(400)
    );
    fs::write(bench.path("work/two.spec"), spec).unwrap();
    let said = run(&bench, "sh", &["-c", DATABASES]);
    let expected: BTreeSet<String> = said.stdout.lines().map(str::to_owned).collect();
    assert_eq!(expected.len(), 2, "{}", said.stdout);
    for (folder, file) in [("sqlite", "rpmdb.sqlite"), ("hash", "Packages")] {
        bench.file(
            "database",
            fs::read(bench.path(format!("work/{folder}/{file}"))).unwrap(),
        );
        bench.file("os-release", "ID=fedora\nVERSION_ID=40\n");
        bench.dockerfile(&format!(
            "FROM scratch\nCOPY os-release /etc/os-release\nCOPY database /var/lib/rpm/{file}\n"
        ));
        assert_eq!(found(&bench, "pkg:rpm/fedora/"), expected, "{file}");
    }
}
