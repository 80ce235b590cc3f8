//! What may be given to a build, and which stages may be asked for: for a user who does not know the file.

use crate::dockerfile::{Body, Dockerfile, Instruction, Keyword};
use crate::resolve::{Binding, Origin, expand};
use std::collections::{BTreeMap, BTreeSet};

/// What may be given to the build of a target.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outline {
    /// The target's name.
    pub name: Option<String>,
    /// What the file says of it.
    pub description: Option<String>,
    /// ARGs, in the order of the file.
    pub args: Vec<OutlineArg>,
    /// Secrets that commands mount.
    pub secrets: Vec<OutlineMount>,
    /// Agents that commands mount.
    pub ssh: Vec<OutlineMount>,
}

/// An ARG.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutlineArg {
    /// Its name.
    pub name: String,
    /// The value that it has: given, or its default.
    pub value: Option<String>,
    /// What the file says of it.
    pub description: Option<String>,
    /// The instruction's lines.
    pub lines: (u32, u32),
}

/// A secret or an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutlineMount {
    /// Its id.
    pub name: String,
    /// Whether the build fails without it.
    pub required: bool,
    /// The instruction's lines.
    pub lines: (u32, u32),
}

/// A stage that may be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageSummary {
    /// Its name, in lower case.
    pub name: Option<String>,
    /// What the file says of it.
    pub description: Option<String>,
    /// Whether it is built when nothing is asked for.
    pub is_default: bool,
    /// What it is built on, as written.
    pub base: String,
    /// `--platform`, as written.
    pub platform: Option<String>,
    /// The lines of its FROM.
    pub lines: (u32, u32),
}

/// The stages of a file, by its text alone.
pub fn stages(dockerfile: &Dockerfile) -> Vec<StageSummary> {
    let froms = || {
        dockerfile
            .instructions
            .iter()
            .filter(|it| it.keyword == Some(Keyword::From))
    };
    let count = froms().count();
    froms()
        .enumerate()
        .map(|(index, from)| {
            let words = super::stage::words(from);
            let name = words.get(2).map(|word| word.text.to_lowercase());
            let platform = from.flags.iter().find(|flag| flag.name == "platform");
            StageSummary {
                description: name.as_deref().and_then(|name| described(from, name)),
                name,
                is_default: index + 1 == count,
                base: words.first().map(|word| word.text.clone()).unwrap_or_default(),
                platform: platform.and_then(|flag| flag.value.clone()),
                lines: from.lines,
            }
        })
        .collect()
}

/// What the comment above an instruction says of a name: what follows it on the first line that begins with it.
fn described(instruction: &Instruction, name: &str) -> Option<String> {
    let mut lines = instruction.doc.as_deref()?.lines();
    lines
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
        .map(str::to_owned)
}

/// An outline in the making.
#[derive(Debug, Default)]
pub(super) struct Sketch {
    /// By stage; the first of a name counts for secrets and agents, the last for ARGs.
    stages: BTreeMap<usize, StageSketch>,
}

#[derive(Debug, Default)]
struct StageSketch {
    /// ARGs that the stage gives a value; those that it only takes over from the head of the file are `None`.
    args: BTreeMap<String, Option<OutlineArg>>,
    secrets: Vec<OutlineMount>,
    ssh: Vec<OutlineMount>,
}

impl Sketch {
    /// An ARG of a stage. `own` says that its value does not come from the head of the file.
    pub(super) fn arg(&mut self, stage: usize, instruction: &Instruction, name: &str, value: Option<&str>, own: bool) {
        let arg = own.then(|| OutlineArg {
            name: name.to_owned(),
            value: value.map(str::to_owned),
            description: described(instruction, name),
            lines: instruction.lines,
        });
        self.stages.entry(stage).or_default().args.insert(name.to_owned(), arg);
    }

    pub(super) fn secret(&mut self, stage: usize, instruction: &Instruction, id: &str, required: bool) {
        mount(
            &mut self.stages.entry(stage).or_default().secrets,
            instruction,
            id,
            required,
        );
    }

    pub(super) fn ssh(&mut self, stage: usize, instruction: &Instruction, id: &str, required: bool) {
        mount(
            &mut self.stages.entry(stage).or_default().ssh,
            instruction,
            id,
            required,
        );
    }

    /// The whole outline. Of what several stages declare under one name, the target's counts, then that of the stages
    /// below it, then the first of the others.
    pub(super) fn finish(self, dockerfile: &Dockerfile, binding: &Binding<'_>, needed: &[usize]) -> Outline {
        let mut order = vec![binding.target];
        while let Some(last) = order.last()
            && let Origin::Stage(base) = binding.stages[*last].base
            && !order.contains(&base)
        {
            order.push(base);
        }
        let rest: Vec<usize> = needed.iter().copied().filter(|stage| !order.contains(stage)).collect();
        order.extend(rest);
        let head = Head::of(dockerfile, binding);
        let target = &binding.stages[binding.target];
        let mut outline = Outline {
            description: target.name.as_deref().and_then(|name| described(target.from, name)),
            name: target.name.clone(),
            ..Outline::default()
        };
        let mut known = BTreeSet::new();
        for stage in order {
            let sketch = self.stages.get(&stage);
            let mut wanted = head.used_by(binding, stage);
            for (name, arg) in sketch.iter().flat_map(|sketch| &sketch.args) {
                match arg {
                    Some(arg) if known.insert(name.clone()) => outline.args.push(arg.clone()),
                    Some(_) => (),
                    None => head.with_dependencies(name, &mut wanted),
                }
            }
            let globals = wanted.into_iter().filter_map(|name| head.args.get(&name));
            outline.args.extend(
                globals
                    .filter(|arg| known.insert(arg.arg.name.clone()))
                    .map(|it| it.arg.clone()),
            );
            for (all, own) in [
                (&mut outline.secrets, sketch.map(|sketch| &sketch.secrets)),
                (&mut outline.ssh, sketch.map(|sketch| &sketch.ssh)),
            ] {
                for mount in own.into_iter().flatten() {
                    if all.iter().all(|known| known.name != mount.name) {
                        all.push(mount.clone());
                    }
                }
            }
        }
        outline.args.sort_by_key(|it| it.lines);
        outline.secrets.sort_by_key(|it| it.lines);
        outline.ssh.sort_by_key(|it| it.lines);
        outline
    }
}

fn mount(all: &mut Vec<OutlineMount>, instruction: &Instruction, id: &str, required: bool) {
    if all.iter().all(|known| known.name != id) {
        all.push(OutlineMount {
            name: id.to_owned(),
            required,
            lines: instruction.lines,
        });
    }
}

/// ARGs before the first FROM.
struct Head {
    args: BTreeMap<String, HeadArg>,
}

struct HeadArg {
    arg: OutlineArg,
    /// What its default is made of.
    uses: Vec<String>,
}

impl Head {
    fn of(dockerfile: &Dockerfile, binding: &Binding<'_>) -> Self {
        let head = dockerfile
            .instructions
            .iter()
            .take_while(|it| it.keyword != Some(Keyword::From));
        let mut args = BTreeMap::new();
        for instruction in head {
            let Body::Pairs { pairs, .. } = &instruction.body else {
                continue;
            };
            for pair in pairs {
                let name = &pair.key.text;
                let arg = OutlineArg {
                    name: name.clone(),
                    value: binding.global.get(name).map(str::to_owned),
                    description: described(instruction, name),
                    lines: instruction.lines,
                };
                let uses = match (&pair.value, binding.given.get(name)) {
                    (Some(default), None) => uses_of(&default.text, binding),
                    _ => Vec::new(),
                };
                args.insert(name.clone(), HeadArg { arg, uses });
            }
        }
        Self { args }
    }

    /// The ARGs that a FROM needs.
    fn used_by(&self, binding: &Binding<'_>, stage: usize) -> BTreeSet<String> {
        let from = binding.stages[stage].from;
        let platform = from.flags.iter().filter_map(|flag| flag.value.as_deref());
        let base = super::stage::words(from).first().map(|word| word.text.as_str());
        let mut wanted = BTreeSet::new();
        for name in platform.chain(base).flat_map(|text| uses_of(text, binding)) {
            self.with_dependencies(&name, &mut wanted);
        }
        wanted
    }

    fn with_dependencies(&self, name: &str, wanted: &mut BTreeSet<String>) {
        let mut waiting = vec![name.to_owned()];
        while let Some(name) = waiting.pop() {
            if let Some(arg) = self.args.get(&name)
                && wanted.insert(name)
            {
                waiting.extend(arg.uses.iter().cloned());
            }
        }
    }
}

fn uses_of(text: &str, binding: &Binding<'_>) -> Vec<String> {
    let expanded = expand(text, binding.escape, &binding.global);
    let uses = expanded.map(|it| it.uses).unwrap_or_default();
    uses.into_iter().map(|it| it.name).collect()
}
