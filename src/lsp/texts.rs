//! Short documentation of the language, one text for each thing that an editor may ask about.

use crate::dockerfile::Keyword;

/// What an instruction does, with its forms. Markdown.
pub(super) const fn instruction(keyword: Keyword) -> (&'static str, &'static str) {
    match keyword {
        Keyword::Add => (
            "ADD [OPTIONS] SOURCE… DESTINATION",
            "Adds files of the context, files from the web, or git repositories. A local archive is unpacked on the \
             way.\n\nWhere plain files are meant, `COPY` says so.",
        ),
        Keyword::Arg => (
            "ARG NAME[=DEFAULT]…",
            "Declares a variable that `--build-arg NAME=VALUE` sets. It is seen from here to the end of the stage, and \
             in stages built on it; containers do not get it.\n\nAbove the first `FROM` it is for `FROM` lines; \
             `ARG NAME` in a stage brings it in. Values can be read off the image's history, so they are no place for \
             secrets.",
        ),
        Keyword::Cmd => (
            "CMD [\"PROGRAM\", \"ARGUMENT\"…]  |  CMD COMMAND",
            "What a container runs when nothing else is asked for; with an `ENTRYPOINT` in the array form, its default \
             arguments. Only the last one of a stage counts.\n\nThe array form starts the program itself, the other \
             one a shell, which keeps signals from it.",
        ),
        Keyword::Copy => (
            "COPY [OPTIONS] SOURCE… DESTINATION",
            "Copies files of the context, or with `--from` of another stage or image. Of a directory its content is \
             copied. Several sources need a destination that ends in `/`.\n\nIt runs again when the content of the \
             files changes, so copy first what changes least.",
        ),
        Keyword::Entrypoint => (
            "ENTRYPOINT [\"PROGRAM\", \"ARGUMENT\"…]  |  ENTRYPOINT COMMAND",
            "The program that a container is. Arguments of `docker run` go behind it, in place of `CMD`.\n\nThe form \
             without brackets runs in a shell and takes no arguments.",
        ),
        Keyword::Env => (
            "ENV NAME=VALUE…",
            "Sets environment variables, for the rest of the stage, stages built on it, and containers. All values of \
             one instruction see what was set before it.",
        ),
        Keyword::Expose => (
            "EXPOSE PORT[/PROTOCOL]…",
            "Tells which ports a container listens on; `tcp` unless it says `udp` or `sctp`. It publishes nothing: \
             `docker run -p` does.",
        ),
        Keyword::From => (
            "FROM [--platform=PLATFORM] IMAGE[:TAG|@DIGEST] [AS NAME]",
            "Begins a stage on an image, on an earlier stage, or on nothing (`scratch`). Variables in it come from \
             `ARG`s above the first `FROM`.\n\nThe last stage is what is built, unless `--target` names another; \
             stages that it does not need are passed over.",
        ),
        Keyword::Healthcheck => (
            "HEALTHCHECK [OPTIONS] CMD COMMAND  |  HEALTHCHECK NONE",
            "How to find out whether a container works: the command ends with 0 when it does and with 1 when it does \
             not. `NONE` forgets the one of the base image. Only the last one of a stage counts.",
        ),
        Keyword::Label => (
            "LABEL KEY=VALUE…",
            "Describes the image. Keys that others read begin with `org.opencontainers.image.`.",
        ),
        Keyword::Maintainer => (
            "MAINTAINER NAME",
            "Names the author. It is deprecated: `LABEL org.opencontainers.image.authors=` says the same.",
        ),
        Keyword::Onbuild => (
            "ONBUILD INSTRUCTION",
            "Keeps an instruction for images that are built on this one, where it is done right behind their `FROM`. \
             `FROM`, `MAINTAINER` and another `ONBUILD` can't be kept.",
        ),
        Keyword::Run => (
            "RUN [OPTIONS] COMMAND  |  RUN [\"PROGRAM\", \"ARGUMENT\"…]  |  RUN <<EOF",
            "Runs a command and keeps what it changes in files. The form without brackets goes to the shell \
             (`/bin/sh -c` unless `SHELL` says otherwise); a heredoc is a script of several lines.\n\nProcesses, `cd` \
             and variables end with it.",
        ),
        Keyword::Shell => (
            "SHELL [\"PROGRAM\", \"ARGUMENT\"…]",
            "The shell that `RUN`, `CMD`, `ENTRYPOINT` and `HEALTHCHECK` get when they are not arrays; an array of \
             strings.",
        ),
        Keyword::Stopsignal => (
            "STOPSIGNAL SIGNAL",
            "The signal that asks a container to end, by name or number; `SIGTERM` otherwise.",
        ),
        Keyword::User => (
            "USER USER[:GROUP]",
            "Who runs the commands from here on, and containers: names or numbers. Without a group it is the user's \
             own, or `root` for a user that the image does not know.",
        ),
        Keyword::Volume => (
            "VOLUME PATH…  |  VOLUME [\"PATH\"…]",
            "Directories that a container keeps outside of its layers. What later instructions write there may be lost.",
        ),
        Keyword::Workdir => (
            "WORKDIR PATH",
            "The directory of the instructions that follow, and of containers. It is made when it is not there; a \
             relative path goes on from the last one.",
        ),
    }
}

/// What a flag of an instruction does.
pub(super) fn flag(keyword: Keyword, name: &str) -> Option<&'static str> {
    Some(match (keyword, name) {
        (Keyword::From, "platform") => {
            "The platform of the image, such as `linux/arm64`, `$BUILDPLATFORM` for the machine that builds, or \
             `$TARGETPLATFORM`, which is the default."
        }
        (Keyword::Copy, "from") => {
            "Where the files come from: an earlier stage by name or number, a named context, or an image."
        }
        (Keyword::Add | Keyword::Copy, "chown") => {
            "Who owns the files, as `USER[:GROUP]`, by name or number; `0:0` otherwise."
        }
        (Keyword::Add | Keyword::Copy, "chmod") => "Permissions of the files, as `755` or `u=rwX,go=rX`.",
        (Keyword::Add | Keyword::Copy, "link") => {
            "Makes a layer that does not depend on those below it, so that it stays when they change. Links at the \
             destination are not followed."
        }
        (Keyword::Add | Keyword::Copy, "exclude") => {
            "A pattern of files that are left out, as in `.dockerignore`; repeatable."
        }
        (Keyword::Copy, "parents") => "Keeps the directories of the sources; `/./` in a source marks where they begin.",
        (Keyword::Add, "keep-git-dir") => "Keeps the `.git` directory of a repository.",
        (Keyword::Add, "checksum") => {
            "What the file from the web must be, as `sha256:…`, or the commit of a repository."
        }
        (Keyword::Add, "unpack") => "Whether archives are unpacked: local ones are otherwise, those from the web not.",
        (Keyword::Healthcheck, "interval") => "Time between two checks; `30s` otherwise.",
        (Keyword::Healthcheck, "timeout") => "Time after which a check counts as failed; `30s` otherwise.",
        (Keyword::Healthcheck, "start-period") => {
            "Time for the container to start, in which failures do not count; `0s` otherwise."
        }
        (Keyword::Healthcheck, "start-interval") => "Time between two checks while it starts; `5s` otherwise.",
        (Keyword::Healthcheck, "retries") => "Failures in a row that make a container unhealthy; `3` otherwise.",
        (Keyword::Run, "mount") => {
            "Shows files to the command that are not kept in the layer: `type=` is `bind` (files of the context, a \
             stage or an image), `cache` (a directory that stays from build to build), `tmpfs`, `secret` or `ssh`; \
             repeatable."
        }
        (Keyword::Run, "network") => "`default`, `none` for no network, or `host` for that of the machine.",
        (Keyword::Run, "security") => "`sandbox`, or `insecure` for all privileges, which the build has to allow.",
        (Keyword::Run, "device") => {
            "A device that the command gets, as the Container Device Interface names it; repeatable."
        }
        _ => return None,
    })
}

/// What a key of `--mount` is for.
pub(super) fn mount_key(key: &str) -> Option<&'static str> {
    Some(match key {
        "type" => "What is mounted: `bind`, `cache`, `tmpfs`, `secret` or `ssh`; `bind` otherwise.",
        "from" => "The stage, named context or image that the files come from; the context otherwise.",
        "source" => "The path in it that is mounted; its root otherwise.",
        "target" => "Where it is mounted.",
        "readonly" => "The command can't write to it.",
        "readwrite" => "The command can write to it. What it writes to a bind mount is thrown away.",
        "id" => "Its name: which cache, secret or agent is meant.",
        "sharing" => {
            "Who may use a cache at once: `shared` for all, `private` for one each, `locked` for one after another."
        }
        "mode" => "Permissions, in octal digits.",
        "uid" => "The number of its owner.",
        "gid" => "The number of its group.",
        "size" => "The most that it may hold, such as `64m`.",
        "required" => "The build fails when it is not there.",
        "env" => "The environment variable that the secret goes to.",
        _ => return None,
    })
}

/// What a directive at the top of a file does.
pub(super) fn directive(key: &str) -> Option<&'static str> {
    Some(match key {
        "syntax" => "The image of the frontend that BuildKit reads the file with. varve reads it by itself.",
        "escape" => {
            "The character that joins lines and escapes others: `\\`, or a backtick where paths have backslashes."
        }
        "check" => {
            "Which build checks are left out (`skip=…`, or `skip=all`), and whether findings fail the build (`error=true`)."
        }
        _ => return None,
    })
}

/// The variables that the builder sets, where an ARG asks for them.
pub(super) const PLATFORM_ARGUMENTS: [(&str, &str); 9] = [
    ("BUILDARCH", "Processor of the machine that builds, such as `amd64`."),
    ("BUILDOS", "System of the machine that builds."),
    (
        "BUILDPLATFORM",
        "Platform of the machine that builds, such as `linux/amd64`.",
    ),
    (
        "BUILDVARIANT",
        "Variant of the processor of the machine that builds, such as `v7`.",
    ),
    ("TARGETARCH", "Processor that is built for, such as `arm64`."),
    ("TARGETOS", "System that is built for."),
    ("TARGETPLATFORM", "Platform that is built for, such as `linux/arm64`."),
    ("TARGETSTAGE", "The stage that is built; `default` when none is named."),
    (
        "TARGETVARIANT",
        "Variant of the processor that is built for, such as `v7`.",
    ),
];

/// The text for one of them.
pub(super) fn platform_argument(name: &str) -> Option<&'static str> {
    PLATFORM_ARGUMENTS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::MOUNT_KEYS;

    #[test]
    fn everything_has_a_text() {
        for keyword in Keyword::ALL {
            let (form, text) = instruction(keyword);
            assert!(form.starts_with(keyword.name()) && text.ends_with('.'), "{keyword:?}");
            for rule in keyword.flags() {
                let text = flag(keyword, rule.name);
                assert!(
                    text.is_some_and(|text| text.ends_with('.')),
                    "{keyword:?} --{}",
                    rule.name
                );
            }
            assert_eq!(flag(keyword, "no-such-flag"), None);
        }
        for (kind, keys) in MOUNT_KEYS {
            for key in keys {
                assert!(mount_key(key).is_some(), "{kind} {key}");
            }
        }
    }
}
