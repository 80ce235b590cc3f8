//! `RUN --mount=type=ssh` and `--ssh`: an agent inside of a step.

use crate::support::{Agent, Running, Workbench, openssh};
use std::os::unix::net::UnixListener;

const TOOLS: &str = "FROM busybox AS ssh\nCOPY --from=tools . /\n";

/// A workbench with `ssh-add` in the stage `ssh`, and a Dockerfile after it.
fn bench(lines: &str) -> (Workbench, String) {
    let bench = Workbench::with(&format!("{TOOLS}FROM ssh\n{lines}\n"));
    let tools = bench.ssh_tools();
    (bench, tools)
}

#[test]
fn an_agent_reaches_a_step_and_leaves_no_trace() {
    if !openssh() {
        return;
    }
    let (bench, tools) = bench(
        "RUN --mount=type=ssh ssh-add -l > /listed; echo $SSH_AUTH_SOCK > /socket; stat -c '%a %u:%g %F' $SSH_AUTH_SOCK >> /socket\n\
         RUN --mount=type=ssh ssh-add -D; ssh-add -x </dev/null; true\n\
         RUN --mount=type=ssh ssh-add -l\n\
         RUN test -z \"$SSH_AUTH_SOCK\" && test ! -e /run/buildkit",
    );
    let key = bench.ssh_key("mine", &["-t", "ed25519", "-N", ""]);
    let agent = Agent::with(&bench, &key);
    let bench = bench.variable("SSH_AUTH_SOCK", agent.path());
    let words = ["--build-context", &tools, "--ssh", "default"];
    let (image, run) = bench.image_and_run(&words);
    assert!(image.read("listed").contains("mine (ED25519)"));
    assert_eq!(image.read("socket"), "/run/buildkit/ssh_agent.0\n600 0:0 socket\n");
    assert!(
        run.output().last().unwrap().contains("mine (ED25519)"),
        "the agent lost its key"
    );
    assert!(!image.has("run"));
    assert!(!image.config["config"].to_string().contains("SSH_AUTH_SOCK"));
    // Which agent it is, and whether there is one, is no part of the key.
    bench
        .build(&["--build-context", &tools, "--ssh", &format!("default={key}")])
        .all_reused();
    bench.build(&["--build-context", &tools]).all_reused();
}

#[test]
fn options_of_the_mount() {
    if !openssh() {
        return;
    }
    let (bench, tools) = bench(
        "WORKDIR /w\n\
         RUN --mount=type=ssh,id=a,target=/s/agent,mode=0666,uid=1000,gid=5 stat -c '%a %u:%g' /s/agent > /1 && echo $SSH_AUTH_SOCK >> /1\n\
         RUN --mount=type=ssh,id=a,dst=here --mount=type=ssh,id=b SSH_AUTH_SOCK=/run/buildkit/ssh_agent.1 ssh-add -l > /2 && echo $SSH_AUTH_SOCK >> /2 && ssh-add -l >> /2\n\
         USER app\nRUN --mount=type=ssh,id=a,uid=1000 ssh-add -l > /tmp/3\n\
         RUN --mount=type=ssh,id=a ! ssh-add -l\n\
         USER root\nENV SSH_AUTH_SOCK=/mine\nRUN --mount=type=ssh,id=a,destination=/mine,required ssh-add -l > /4\n\
         RUN --mount=type=ssh,id=nobody echo $SSH_AUTH_SOCK > /5 && test ! -e /run/buildkit/ssh_agent.0",
    );
    let [a, b, c] = ["a", "b", "c"].map(|name| bench.ssh_key(name, &["-t", "ed25519", "-N", ""]));
    let (ssh_a, ssh_b) = (format!("a={a},{c}"), format!("b={b}"));
    let image = bench.image(&["--build-context", &tools, "--ssh", &ssh_a, "--ssh", &ssh_b]);
    assert_eq!(image.read("1"), "666 1000:5\n/s/agent\n");
    let lines: Vec<&str> = image.read("2").lines().collect();
    assert_eq!(lines.len(), 4);
    assert!(lines[0].ends_with(" b (ED25519)") && lines[1] == "/w/here", "{lines:?}");
    assert!(
        lines[2].ends_with(" a (ED25519)") && lines[3].ends_with(" c (ED25519)"),
        "{lines:?}"
    );
    assert!(image.read("tmp/3").contains("a (ED25519)") && image.read("4").contains("a (ED25519)"));
    assert_eq!(image.read("5"), "/mine\n");
    for path in ["s", "w/here", "mine"] {
        assert!(!image.has(path), "{path} is left");
    }
}

#[test]
fn a_required_agent_has_to_be_given() {
    let bench = Workbench::with("FROM busybox\nRUN --mount=type=ssh,required true\n");
    bench
        .try_build(&[])
        .fails(1)
        .says(["`default`", "--ssh default", "Dockerfile:2"]);
    bench.dockerfile("FROM busybox\nRUN --mount=type=ssh,id=deploy,required=true true\n");
    bench
        .try_build(&[])
        .fails(1)
        .says(["`deploy`", "--ssh deploy=KEYFILE", "Dockerfile:2"]);
    // One that does not answer any more.
    let socket = bench.text("work/dead");
    drop(UnixListener::bind(&socket).unwrap());
    bench.try_build(&["--ssh", &format!("deploy={socket}")]).fails(1).says([
        "cannot reach the ssh agent",
        "ssh-add -l",
        &socket,
        "Dockerfile:2",
    ]);
    bench.still_builds();
}

#[test]
fn what_is_refused_on_the_command_line() {
    if !openssh() {
        return;
    }
    let bench = Workbench::with("FROM busybox\n");
    let key = bench.ssh_key("plain", &["-t", "ed25519", "-N", ""]);
    let locked = bench.ssh_key("locked", &["-t", "ed25519", "-N", "secret"]);
    let socket = bench.text("work/socket");
    let _listener = UnixListener::bind(&socket).unwrap();
    let table = [
        (vec!["default".to_owned()], "SSH_AUTH_SOCK"),
        (vec![format!("a={key}"), format!("a={key}")], "given twice"),
        (vec!["a=/nowhere".to_owned()], "/nowhere"),
        (vec![format!("a={key}.pub")], "public key"),
        (vec![format!("a={locked}")], "ssh-add"),
        (vec![format!("a={socket},{key}")], "together"),
    ];
    for (specs, text) in table {
        let words: Vec<&str> = specs.iter().flat_map(|spec| ["--ssh", spec]).collect();
        bench.try_build(&words).fails(2).says([text]);
    }
}

#[test]
fn a_client_that_waits_for_its_agent_can_be_interrupted() {
    if !openssh() {
        return;
    }
    let (bench, tools) = bench("RUN --mount=type=ssh echo began; ssh-add -l");
    // It takes connections and never says a word.
    let silent = bench.text("work/silent");
    let _listener = UnixListener::bind(&silent).unwrap();
    let spec = format!("default={silent}");
    let build = Running::start(bench.build_command(&["--build-context", &tools, "--ssh", &spec]));
    build.until("| began");
    build.signal("INT");
    build.end().fails(130);
    bench.still_builds();
}
