use super::*;

#[test]
fn npm_and_its_relatives() {
    let flat = r#"{"lockfileVersion": 3, "packages": {"": {"name": "app", "version": "1.0.0"},
        "node_modules/@scope/Thing": {"version": "2.1.0", "license": "ISC"},
        "node_modules/a/node_modules/b": {"version": "1.0.0"},
        "node_modules/alias": {"name": "real", "version": "3.0.0"},
        "node_modules/linked": {"link": true, "resolved": "packages/linked"}, "packages/linked": {"version": "9.9.9"}}}"#;
    assert_eq!(
        Memory::default().with("app/package-lock.json", flat).purls(),
        ["pkg:npm/%40scope/thing@2.1.0", "pkg:npm/b@1.0.0", "pkg:npm/real@3.0.0"]
    );
    let tree = r#"{"dependencies": {"a": {"version": "1.0.0", "dependencies": {"b": {"version": "2.0.0"}}},
        "c": {"version": "git+ssh://example.org/c.git#abc"}, "d": {"version": "npm:e@4.0.0"}}}"#;
    assert_eq!(
        Memory::default().with("npm-shrinkwrap.json", tree).purls(),
        ["pkg:npm/a@1.0.0", "pkg:npm/b@2.0.0", "pkg:npm/e@4.0.0"]
    );
    let yarn = "# yarn lockfile v1\n\n\"@babel/core@^7.0.0\", \"@babel/core@^7.1.0\":\n  version \"7.24.0\"\n\nms@2.1.2:\n  version \"2.1.2\"\n";
    assert_eq!(
        Memory::default().with("yarn.lock", yarn).purls(),
        ["pkg:npm/%40babel/core@7.24.0", "pkg:npm/ms@2.1.2"]
    );
    let berry = "__metadata:\n  version: 8\n\n\"app@workspace:.\":\n  version: 0.0.0-use.local\n\n\"ms@npm:^2.1.1, ms@npm:2.1.2\":\n  version: 2.1.3\n\n\"x@npm:real@^1\":\n  version: 1.5.0\n";
    assert_eq!(
        Memory::default().with("yarn.lock", berry).purls(),
        ["pkg:npm/ms@2.1.3", "pkg:npm/real@1.5.0"]
    );
    let pnpm = "lockfileVersion: '9.0'\n\npackages:\n\n  '@s/a@1.0.0':\n    resolution: {}\n\n  b@2.0.0(c@1.0.0):\n    x: y\n\n  /d/3.0.0_e@1:\n    x: y\n\n  /@s/f@4.0.0:\n\nsnapshots:\n\n  g@1.0.0:\n";
    assert_eq!(
        Memory::default().with("pnpm-lock.yaml", pnpm).purls(),
        [
            "pkg:npm/%40s/a@1.0.0",
            "pkg:npm/%40s/f@4.0.0",
            "pkg:npm/b@2.0.0",
            "pkg:npm/d@3.0.0"
        ]
    );
    let installed =
        r#"{"name": "left-pad", "version": "1.3.0", "licenses": [{"type": "WTFPL"}], "author": {"name": "A"}}"#;
    let inventory = take(
        &Memory::default()
            .with("app/node_modules/left-pad/package.json", installed)
            .with(
                "app/node_modules/left-pad/test/package.json",
                r#"{"name": "example", "version": "1.0.0"}"#,
            )
            .with("app/package.json", r#"{"name": "app", "version": "1.0.0"}"#),
    );
    let [package] = &inventory.packages[..] else {
        panic!("one package")
    };
    assert_eq!(package.licenses, [License::Expression("WTFPL".to_owned())]);
    assert_eq!(package.supplier.as_deref(), Some("A"));
}

#[test]
fn cargo_and_go() {
    let lock = "version = 3\n\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\n\n[[package]]\nname = \"serde\"\n\
        version = \"1.0.200\"\nsource = \"registry+https://example.org/index\"\n\n[[package]]\nname = \"mine\"\n\
        version = \"0.2.0\"\nsource = \"git+https://example.org/mine?rev=1#abc\"\n";
    assert_eq!(
        Memory::default().with("Cargo.lock", lock).purls(),
        [
            "pkg:cargo/mine@0.2.0?vcs_url=git%2Bhttps:%2F%2Fexample.org%2Fmine%3Frev%3D1%23abc",
            "pkg:cargo/serde@1.0.200"
        ]
    );
    let module = "module example.org/app\n\ngo 1.22\n\nrequire github.com/Pkg/Errors v0.9.1\nrequire (\n\
        \tgolang.org/x/sys v0.1.0 // indirect\n\texample.org/old v1.0.0\n\texample.org/here v1.0.0\n)\n\
        replace example.org/old => example.org/new v2.0.0\nreplace (\n\texample.org/here v1.0.0 => ./here\n)\n";
    let sum = "github.com/gone/mod v1.0.0 h1:abc=\n";
    assert_eq!(
        Memory::default().with("go.mod", module).with("go.sum", sum).purls(),
        [
            "pkg:golang/example.org/new@v2.0.0",
            "pkg:golang/github.com/pkg/errors@v0.9.1",
            "pkg:golang/golang.org/x/sys@v0.1.0"
        ]
    );
    let sum =
        "example.org/a v1.0.0 h1:abc=\nexample.org/a v1.0.0/go.mod h1:abc=\nexample.org/b v1.0.0/go.mod h1:abc=\n";
    assert_eq!(
        Memory::default().with("go.sum", sum).purls(),
        ["pkg:golang/example.org/a@v1.0.0"]
    );
}

#[test]
fn python() {
    let metadata = "Metadata-Version: 2.1\nName: Flask_Thing\nVersion: 3.0.1\nClassifier: License :: OSI Approved :: MIT License\n\n\
        Name: a description\nVersion: 9\n";
    let inventory = take(&Memory::default().with("usr/lib/python3/dist-packages/f.dist-info/METADATA", metadata));
    let [package] = &inventory.packages[..] else {
        panic!("one package")
    };
    assert_eq!(package.purl, "pkg:pypi/flask-thing@3.0.1");
    assert_eq!(package.licenses, [License::Expression("MIT".to_owned())]);
    let requirements = "# pinned\nrequests[socks]==2.31.0 ; python_version > '3' # why\nloose>=1\n-r other.txt\n\
        hashed==1.0 \\\n    --hash=sha256:abc\nfree\nany==1.*\n";
    assert_eq!(
        Memory::default().with("requirements.txt", requirements).purls(),
        ["pkg:pypi/hashed@1.0", "pkg:pypi/requests@2.31.0"]
    );
    let uv = "version = 1\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\nsource = { virtual = \".\" }\n\
        [[package]]\nname = \"idna\"\nversion = \"3.7\"\nsource = { registry = \"https://example.org/simple\" }\n";
    assert_eq!(Memory::default().with("uv.lock", uv).purls(), ["pkg:pypi/idna@3.7"]);
    let poetry =
        "[[package]]\nname = \"click\"\nversion = \"8.1.7\"\noptional = false\n[metadata]\nlock-version = \"2.0\"\n";
    assert_eq!(
        Memory::default().with("poetry.lock", poetry).purls(),
        ["pkg:pypi/click@8.1.7"]
    );
    let pipfile = r#"{"default": {"urllib3": {"version": "==2.2.1"}, "mine": {"git": "x"}}, "develop": {"pytest": {"version": "==8.0.0"}}}"#;
    assert_eq!(
        Memory::default().with("Pipfile.lock", pipfile).purls(),
        ["pkg:pypi/pytest@8.0.0", "pkg:pypi/urllib3@2.2.1"]
    );
    assert_eq!(
        Memory::default()
            .with("lib/six.egg-info", "Name: six\nVersion: 1.16.0\nLicense: MIT\n")
            .purls(),
        ["pkg:pypi/six@1.16.0"]
    );
}

#[test]
fn ruby_php_and_dotnet() {
    let lock = "PATH\n  remote: .\n  specs:\n    mine (0.1.0)\n\nGEM\n  remote: https://example.org/\n  specs:\n    nokogiri (1.16.0-x86_64-linux)\n      racc (~> 1.4)\n    racc (1.7.3)\n\nPLATFORMS\n    ruby (1)\n";
    assert_eq!(
        Memory::default().with("Gemfile.lock", lock).purls(),
        ["pkg:gem/nokogiri@1.16.0?platform=x86_64-linux", "pkg:gem/racc@1.7.3"]
    );
    let gemspec = "# -*- encoding: utf-8 -*-\n# stub: rake 13.1.0 ruby lib\n\nGem::Specification.new do |s|\n  s.name = \"rake\".freeze\n  s.licenses = [\"MIT\".freeze]\nend\n";
    let inventory = take(&Memory::default().with("usr/lib/ruby/specifications/rake-13.1.0.gemspec", gemspec));
    assert_eq!(inventory.packages[0].purl, "pkg:gem/rake@13.1.0");
    assert_eq!(inventory.packages[0].licenses, [License::Expression("MIT".to_owned())]);
    let composer = r#"{"packages": [{"name": "Symfony/Console", "version": "v7.0.4", "license": ["MIT"]}], "packages-dev": [{"name": "a/b", "version": "1.0"}]}"#;
    assert_eq!(
        Memory::default().with("composer.lock", composer).purls(),
        ["pkg:composer/a/b@1.0", "pkg:composer/symfony/console@v7.0.4"]
    );
    let bare = r#"[{"name": "a/b", "version": "1.0"}]"#;
    assert_eq!(
        Memory::default()
            .with("app/vendor/composer/installed.json", bare)
            .purls(),
        ["pkg:composer/a/b@1.0"]
    );
    let deps = "\u{feff}{\"libraries\": {\"App/1.0.0\": {\"type\": \"project\"}, \"Newtonsoft.Json/13.0.3\": {\"type\": \"package\"}}}";
    assert_eq!(
        Memory::default().with("app/App.deps.json", deps).purls(),
        ["pkg:nuget/Newtonsoft.Json@13.0.3"]
    );
}

#[test]
fn the_same_package_in_two_files_is_one_package() {
    let requirements = "six==1.16.0\n";
    let root = Memory::default()
        .with("b/requirements.txt", requirements)
        .with("a/requirements.txt", requirements);
    let inventory = take(&root);
    let [package] = &inventory.packages[..] else {
        panic!("one package")
    };
    let paths: Vec<_> = package.evidence.iter().map(|it| (it.path.as_str(), it.layer)).collect();
    assert_eq!(paths, [("a/requirements.txt", 1), ("b/requirements.txt", 0)]);
}
