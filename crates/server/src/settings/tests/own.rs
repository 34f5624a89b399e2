//! Sections of a program's own.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Folder, read_by};
use crate::settings::Settings;

/// Reads `[own]` as a type.
fn section<T: DeserializeOwned>(files: &[(&str, &str)], variables: &[(&str, &str)]) -> Result<Option<T>, String> {
    read_by(Settings::load().section("own"), files, variables, |settings| settings.section("own"))
}

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
struct Shop {
    name: Option<String>,
    open: bool,
    doors: u8,
    debt: i64,
    price: f64,
    tags: Vec<String>,
    sizes: Vec<u16>,
    place: (i8, i8),
    kind: Kind,
    /// By their numbers.
    shelves: BTreeMap<u32, String>,
    login: Option<Login>,
    #[serde(rename = "listen")]
    address: Option<std::net::SocketAddr>,
    inner: Inner,
}

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Kind {
    #[default]
    Small,
    Named(String),
    Long {
        floors: u8,
    },
}

#[derive(Debug, Deserialize, PartialEq)]
struct Login {
    user: String,
    password: String,
}

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(try_from = "Vec<String>")]
struct Inner(Vec<String>);

impl TryFrom<Vec<String>> for Inner {
    type Error = String;

    fn try_from(list: Vec<String>) -> Result<Self, String> {
        match &list[..] {
            [] => Err("there has to be something".to_owned()),
            [one] => Err(format!("`{one}` has nothing beside it")),
            _ => Ok(Self(list)),
        }
    }
}

fn shop(files: &[(&str, &str)], variables: &[(&str, &str)]) -> Shop {
    section(files, variables).unwrap().unwrap()
}

#[test]
fn values_of_files_are_of_the_types_that_are_written() {
    let toml = "[own]\nname = \"A\"\nopen = true\ndoors = 0x10\ndebt = -5\nprice = 2.5\ntags = [\"a,b\", \"c\"]\nsizes = [1, 2]\n\
        place = [1, -1]\nkind = \"small\"\nlisten = \"127.0.0.1:80\"\ninner = [\"a\", \"b\"]\n\
        [own.shelves]\n7 = \"top\"\n[own.login]\nuser = \"ada\"\npassword = \"1\"\n";
    let yaml = "own:\n  name: A\n  open: true\n  doors: 0x10\n  debt: -5\n  price: 2.5\n  tags: ['a,b', c]\n  sizes: [1, 2]\n  \
        place: [1, -1]\n  kind: small\n  listen: 127.0.0.1:80\n  inner: [a, b]\n  shelves: {7: top}\n  \
        login: {user: ada, password: '1'}\n";
    let expected = Shop {
        name: Some("A".to_owned()),
        open: true,
        doors: 16,
        debt: -5,
        price: 2.5,
        tags: vec!["a,b".to_owned(), "c".to_owned()],
        sizes: vec![1, 2],
        place: (1, -1),
        kind: Kind::Small,
        shelves: BTreeMap::from([(7, "top".to_owned())]),
        login: Some(Login { user: "ada".to_owned(), password: "1".to_owned() }),
        address: Some(([127, 0, 0, 1], 80).into()),
        inner: Inner(vec!["a".to_owned(), "b".to_owned()]),
    };
    assert_eq!(shop(&[("a.toml", toml)], &[]), expected);
    assert_eq!(shop(&[("a.yaml", yaml)], &[]), expected);
    for (text, kind) in [
        ("own.kind.named = \"corner\"", Kind::Named("corner".to_owned())),
        ("own.kind.long.floors = 3", Kind::Long { floors: 3 }),
    ] {
        assert_eq!(shop(&[("a.toml", text)], &[]).kind, kind);
    }
    assert_eq!(shop(&[("a.toml", "own.price = 2")], &[]).price, 2.0);
    // What is commented out in YAML is there, and nothing is said of it.
    assert_eq!(shop(&[("a.yaml", "own:\n  shelves:\n  login:\n  name: ~\n")], &[]), Shop::default());
}

#[test]
fn values_of_variables_are_what_the_type_asks_for() {
    let variables = [
        ("TURBOMCP_OWN__NAME", "12"),
        ("TURBOMCP_OWN__OPEN", "true"),
        ("TURBOMCP_OWN__DOORS", "1_6"),
        ("TURBOMCP_OWN__DEBT", "-5"),
        ("TURBOMCP_OWN__PRICE", "2.5"),
        ("TURBOMCP_OWN__TAGS", "a, b"),
        ("TURBOMCP_OWN__SIZES", "1,2"),
        ("TURBOMCP_OWN__PLACE", "1,-1"),
        ("TURBOMCP_OWN__KIND", "small"),
        ("TURBOMCP_OWN__SHELVES__7", "top"),
        ("TURBOMCP_OWN__LOGIN__USER", "ada"),
        ("TURBOMCP_OWN__LOGIN__PASSWORD", "true"),
        ("TURBOMCP_OWN__LISTEN", "127.0.0.1:80"),
        ("TURBOMCP_OWN__INNER", "a,b"),
    ];
    let expected = Shop {
        name: Some("12".to_owned()),
        open: true,
        doors: 16,
        debt: -5,
        price: 2.5,
        tags: vec!["a".to_owned(), "b".to_owned()],
        sizes: vec![1, 2],
        place: (1, -1),
        kind: Kind::Small,
        shelves: BTreeMap::from([(7, "top".to_owned())]),
        login: Some(Login { user: "ada".to_owned(), password: "true".to_owned() }),
        address: Some(([127, 0, 0, 1], 80).into()),
        inner: Inner(vec!["a".to_owned(), "b".to_owned()]),
    };
    assert_eq!(shop(&[], &variables), expected);
    // A type that does not ask has the text.
    assert_eq!(section::<Value>(&[], &variables[1..2]), Ok(Some(json!({"open": "true"}))));
    assert_eq!(section::<u16>(&[], &[("TURBOMCP_OWN", "7")]), Ok(Some(7)));
}

#[test]
fn what_is_said_later_holds_in_a_section_of_ones_own() {
    let toml = "[own]\na = 1\nb = 1\nc = 1\nlist = [1, 2]\n[own.in]\na = 1\nb = 1\n";
    let yaml = "own:\n  b: 2\n  c: 2\n  list: [3]\n  in:\n    b: 2\n";
    let variables = [("TURBOMCP_OWN__C", "3"), ("TURBOMCP_OWN__IN__D", "3")];
    let files = [("a.toml", toml), ("b.yaml", yaml), ("c.yaml", "own:\n")];
    let all: Value = section(&files, &variables).unwrap().unwrap();
    assert_eq!(all, json!({"a": 1, "b": 2, "c": "3", "list": [3], "in": {"a": 1, "b": 2, "d": "3"}}));
}

#[test]
fn a_section_that_no_source_has_is_none() {
    assert_eq!(section::<Shop>(&[("a.toml", "limits.page_size = 1")], &[("TURBOMCP_LIMITS__SESSIONS", "1")]), Ok(None));
    for (name, text) in [("a.toml", "[own]"), ("a.yaml", "own:\n")] {
        assert_eq!(section(&[(name, text)], &[]), Ok(Some(Shop::default())), "{text}");
    }
}

#[test]
fn a_section_that_was_not_declared_is_refused() {
    let declared = || Settings::load().section("auth").section("own");
    let unknown = |text: &str| read_by(declared(), &[("a.toml", text)], &[], Ok).map(drop).unwrap_err();
    assert_eq!(unknown("[aut]\nx = 1"), "a.toml, line 1: `aut` is not known; did you mean `auth`?");
    assert_eq!(unknown("[limit]\nx = 1"), "a.toml, line 1: `limit` is not known; did you mean `limits`?");
    let other = unknown("[database]\nx = 1");
    assert!(
        other.starts_with("a.toml, line 1: `database` is not known; at the top there are `audit`, `auth`,"),
        "{other}"
    );
    let undeclared = read_by(Settings::load(), &[("a.toml", "[auth]")], &[], Ok).map(drop).unwrap_err();
    assert!(
        undeclared.starts_with("a.toml, line 1: `auth` is not known; at the top there are `audit`, `cache`,"),
        "{undeclared}"
    );
    // What is beneath one of the settings is not the program's own.
    let beneath = unknown("[tools]\nown = 1");
    assert_eq!(beneath, "a.toml, line 2: `tools.own` is not known; in `tools` there are `hidden`, `only`");
    let asked = read_by(declared(), &[], &[], |settings| settings.section::<Value>("prices"));
    assert_eq!(asked.unwrap_err(), "section `prices` was not declared by `Sources::section`");
    let asked = Settings::default().section::<Value>("own").unwrap_err();
    assert_eq!(asked.to_string(), "section `own` was not declared by `Sources::section`");
}

#[test]
fn a_section_of_the_settings_is_not_the_programs_own() {
    for name in ["limits", "preset", "tls", "config"] {
        let error = read_by(Settings::load().section(name), &[], &[], Ok).map(drop).unwrap_err();
        assert_eq!(error, format!("section `{name}` is one of the settings and not the program's own"));
    }
}

#[track_caller]
fn toml(text: &str, expected: &str) {
    assert_eq!(section::<Shop>(&[("a.toml", text)], &[]).unwrap_err(), format!("a.toml, line {expected}"));
}

#[track_caller]
fn variable(name: &str, value: &str, expected: &str) {
    let name = format!("TURBOMCP_OWN{name}");
    assert_eq!(section::<Shop>(&[], &[(&name, value)]).unwrap_err(), format!("variable {name}: {expected}"));
}

#[test]
fn a_value_of_ones_own_that_is_not_as_the_type_asks_is_refused() {
    toml("own = 5", "1: `own` is a number; it takes a table of keys");
    toml("[own]\n\nopen = \"yes\"", "3: `own.open` is a text; it takes `true` or `false`");
    toml("[own]\ndoors = \"5\"", "2: `own.doors` is a text; it takes a whole number from 0 to 255");
    toml("[own]\ndoors = 256", "2: `own.doors` is not as it has to be; it takes a whole number from 0 to 255");
    toml("[own]\ndoors = 2026-01-01", "2: `own.doors` is a date or time; it takes a whole number from 0 to 255");
    toml("[own]\nprice = true", "2: `own.price` is a switch; it takes a number");
    toml("[own]\nname = 7", "2: `own.name` is a number; it takes a text");
    toml("[own]\ntags = \"a\"", "2: `own.tags` is a text; it takes a list");
    toml(
        "[own]\nsizes = [\n  1,\n  -1,\n]",
        "4: `own.sizes[1]` is not as it has to be; it takes a whole number from 0 to 65535",
    );
    toml("[own]\nplace = [1]", "2: `own.place` is not as it has to be; it takes a tuple of size 2");
    toml("[own]\nplace = [1, 2, 3]", "2: `own.place` is not as it has to be; it takes a list of 2");
    toml("[own]\nshelves = []", "2: `own.shelves` is a list; it takes a table");
    toml(
        "[own.shelves]\nx = \"top\"",
        "2: `own.shelves` has a text in it where it takes a whole number from 0 to 4294967295",
    );
    toml("[own]\nkind = \"large\"", "2: `own.kind` is not as it has to be; it takes `small`, `named`, `long`");
    toml("[own]\nkind = 1", "2: `own.kind` is not as it has to be; it takes `small`, `named`, `long`");
    toml(
        "[own.kind.long]\nfloors = \"x\"",
        "2: `own.kind.long.floors` is a text; it takes a whole number from 0 to 255",
    );
    toml("[own]\n[own.login]\nuser = \"ada\"", "2: `own.login.password` is missing");
    toml("[own]\ndoor = 1", "2: `own.door` is not known; did you mean `own.doors`?");
    toml("[own]\nlisten = \"here\"", "2: `own.listen` is not as it has to be (invalid socket address syntax)");
    toml("[own]\ninner = []", "2: `own.inner` is not as it has to be (there has to be something)");
    let unknown = section::<Shop>(&[("a.yaml", "own:\n  name: A\n  colour: red\n")], &[]).unwrap_err();
    let known = "`debt`, `doors`, `inner`, `kind`, `listen`, `login`, `name`, `open`, `place`, `price`, `shelves`, `sizes`, `tags`";
    assert_eq!(unknown, format!("a.yaml, line 3: `own.colour` is not known; in `own` there are {known}"));
    variable("", "x", "`own` is a text; it takes a table of keys");
    variable("__OPEN", "1", "`own.open` is a text; it takes `true` or `false`");
    variable("__DOORS", "many", "`own.doors` is a text; it takes a whole number from 0 to 255");
    variable("__SIZES", "1, x", "`own.sizes[1]` is a text; it takes a whole number from 0 to 65535");
    variable("__LOGIN__USER", "ada", "`own.login.password` is missing");
}

#[test]
fn no_value_of_ones_own_is_told() {
    #[derive(Debug, Deserialize)]
    #[serde(untagged)]
    #[expect(dead_code, reason = "it is never read")]
    enum Either {
        Number(u8),
        List(Vec<u8>),
    }
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "it is never read")]
    struct Flat {
        #[serde(flatten)]
        rest: BTreeMap<String, u8>,
    }
    toml("[own]\ninner = [\"hunter2\"]", "2: `own.inner` is not as it has to be");
    // Nor a part of one.
    toml("[own]\ninner = [\"hunter2 or so\"]\nname = \"beside\"", "2: `own.inner` is not as it has to be");
    let error = section::<Either>(&[("a.toml", "own = \"hunter2\"")], &[]).unwrap_err();
    assert_eq!(
        error,
        "a.toml, line 1: `own` is not as it has to be (data did not match any variant of untagged enum Either)"
    );
    let error = section::<Flat>(&[("a.toml", "own.a = \"hunter2\"")], &[]).unwrap_err();
    assert_eq!(error, "a.toml, line 1: `own` has a text in it where it takes a whole number from 0 to 255");
    let error = section::<Vec<bool>>(&[("a.toml", "own = [\"hunter2\"]")], &[]).unwrap_err();
    assert_eq!(error, "a.toml, line 1: `own[0]` is a text; it takes `true` or `false`");
    for text in ["own.name = 12345678", "own.kind = \"hunter2\"", "own.listen = \"hunter2\"", "own.shelves.hunter = 2"]
    {
        let settings = read_by(Settings::load().section("own"), &[("a.toml", text)], &[], Ok).unwrap();
        let error = settings.section::<Shop>("own").unwrap_err();
        for shown in [error.to_string(), format!("{error:?}"), format!("{error:#?}"), format!("{settings:?}")] {
            assert!(!shown.contains("hunter2") && !shown.contains("12345678"), "{shown}");
        }
    }
}

#[test]
fn a_field_of_ones_own_may_be_in_a_file() {
    let folder = Folder::new();
    let secret = folder.write("secret", "hunter2\n");
    let number = folder.write("number", "7");
    let toml = format!("[own]\ndoors_file = {number:?}\n[own.login]\nuser = \"ada\"\npassword_file = {secret:?}\n");
    let password = |files: &[(&str, &str)], variables: &[(&str, &str)]| {
        section::<Shop>(files, variables).map(|shop| shop.unwrap().login.unwrap().password)
    };
    assert_eq!(password(&[("a.toml", &toml)], &[]).unwrap(), "hunter2");
    assert_eq!(shop(&[("a.toml", &toml)], &[]).doors, 7);
    // Either takes the place of the other where it holds more.
    assert_eq!(password(&[("a.toml", &toml)], &[("TURBOMCP_OWN__LOGIN__PASSWORD", "other")]).unwrap(), "other");
    let plain = "own: {login: {user: ada, password: other}}";
    let name = secret.to_str().unwrap();
    assert_eq!(password(&[("a.yaml", plain)], &[("TURBOMCP_OWN__LOGIN__PASSWORD_FILE", name)]).unwrap(), "hunter2");
    assert_eq!(password(&[("a.yaml", plain), ("b.toml", &toml)], &[]).unwrap(), "hunter2");
    assert_eq!(password(&[("b.toml", &toml), ("a.yaml", plain)], &[]).unwrap(), "other");
    let both = format!("{toml}password = \"x\"");
    let error = password(&[("a.toml", &both)], &[]).unwrap_err();
    let expected = "`own.login.password_file` is there beside `own.login.password`: set one of them";
    assert_eq!(error, format!("a.toml, line 5: {expected}"));
    let missing = [("TURBOMCP_OWN__LOGIN__PASSWORD_FILE", "hunter2")];
    let error = password(&[], &missing).unwrap_err();
    let expected = "`own.login.password_file` names a file that cannot be read: ";
    assert!(error.contains(expected) && !error.contains("hunter2"), "{error}");
    // What is in one is as little told as what is in the section.
    toml_of_file(&folder.write("inner", "hunter2"));
}

#[track_caller]
fn toml_of_file(path: &std::path::Path) {
    toml(&format!("own.inner_file = {path:?}"), "1: `own.inner` is not as it has to be");
}

#[cfg(feature = "hot-reload")]
#[test]
fn a_section_of_ones_own_does_not_change_while_a_server_runs() {
    let folder = Folder::new();
    let path = folder.write("a.toml", "[own]\na = 1\n[own.in]\nb = [1, 2]\n");
    let settings = Settings::load().section("own").section("other").file(&path).read().unwrap();
    let server = crate::ServerBuilder::new().settings(settings).unwrap().build();
    let reload = |text: &str| {
        folder.write("a.toml", text);
        server.reload_settings().map_err(|error| error.to_string().replace(&format!("{}/", folder.0.display()), ""))
    };
    let refused = |line: usize, key: &str| {
        Err(format!("a.toml, line {line}: `{key}` cannot be changed while the server runs: start it again"))
    };
    assert_eq!(reload("[limits]\npage_size = 5\n[own]\na = 1\nin = { b = [1, 2] }\n"), Ok(()));
    assert_eq!(server.newest().limits().page_size, 5);
    assert_eq!(reload("[limits]\npage_size = 6\n[own]\na = 2\nin = { b = [1, 2] }\n"), refused(4, "own.a"));
    assert_eq!(reload("[own]\na = 1\n[own.in]\nb = [2, 1]\n"), refused(4, "own.in.b"));
    assert_eq!(reload("[own]\na = 1\nc = 1\n[own.in]\nb = [1, 2]\n"), refused(3, "own.c"));
    assert_eq!(reload("[own]\na = 1\n"), refused(5, "own.in"));
    assert_eq!(reload(""), refused(3, "own"));
    assert_eq!(reload("[own]\na = 1\nin = { b = [1, 2] }\n[other]\n"), refused(4, "other"));
    assert_eq!(server.newest().limits().page_size, 5);
}
