//! The texts of files that every container has.

use std::fmt::Write;

/// `/etc/hosts` of a machine called `hostname`, with further names and their addresses.
#[must_use]
pub fn hosts_file(hostname: &str, extra: &[(String, String)]) -> String {
    let mut text = format!("127.0.0.1\tlocalhost {hostname}\n::1\tlocalhost ip6-localhost ip6-loopback\n");
    for (name, address) in extra {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{address}\t{name}");
    }
    text
}

/// `/etc/resolv.conf` for a sandbox, from the machine's.
///
/// Name servers on the loopback interface are reached only by a sandbox that shares the network. One without
/// gets public ones, as Docker does, when no other is left.
#[must_use]
pub fn resolv_file(machine: &str, shares_network: bool) -> String {
    if shares_network {
        return machine.to_owned();
    }
    let loopback = |line: &str| {
        let address = line.trim().strip_prefix("nameserver").map(str::trim);
        address.is_some_and(|it| it.starts_with("127.") || it == "::1")
    };
    let mut text: String = machine
        .lines()
        .filter(|line| !loopback(line))
        .fold(String::new(), |text, line| text + line + "\n");
    if !text.lines().any(|line| line.trim_start().starts_with("nameserver")) {
        text.push_str("nameserver 8.8.8.8\nnameserver 8.8.4.4\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_name_the_machine_and_the_extra_ones() {
        let extra = [("db".to_owned(), "10.0.0.2".to_owned())];
        let expected = "127.0.0.1\tlocalhost box\n::1\tlocalhost ip6-localhost ip6-loopback\n10.0.0.2\tdb\n";
        assert_eq!(hosts_file("box", &extra), expected);
    }

    #[test]
    fn local_resolvers_are_for_those_who_share_the_network() {
        let machine = "search lan\nnameserver 127.0.0.53\noptions edns0\n";
        assert_eq!(resolv_file(machine, true), machine);
        let alone = "search lan\noptions edns0\nnameserver 8.8.8.8\nnameserver 8.8.4.4\n";
        assert_eq!(resolv_file(machine, false), alone);
        assert_eq!(
            resolv_file("nameserver 1.1.1.1\nnameserver ::1\n", false),
            "nameserver 1.1.1.1\n"
        );
    }
}
