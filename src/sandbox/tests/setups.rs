//! Sandboxes drawn, not built.

use super::*;

#[test]
fn a_setup_is_plain_data() {
    let setup = Setup::new(
        Root::Overlay(Overlay {
            lowers: vec!["/base".into(), "/delta".into()],
            upper: Some(Upper {
                directory: "/upper".into(),
                work: "/work".into(),
            }),
            userxattr: true,
            devices: false,
        }),
        "/scratch",
    )
    .container(SHM_SIZE, false)
    .file("/etc/hosts", "127.0.0.1 localhost\n")
    .secret("/run/secrets/token", "do not print", 0o400, 0, 0)
    .bind_read_only("/src", "/mnt")
    .tmpfs("/t", Some(1 << 20))
    .hostname("build")
    .network(Network::None);
    insta::assert_debug_snapshot!(setup);
}
