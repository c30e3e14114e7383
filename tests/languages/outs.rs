//! Out parameters of the C ABI: every function of the header is called with NULL, invalid and valid arguments,
//! and sets each out parameter without a result to NULL or 0. The program is generated from the header, so that
//! it covers all functions.
#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::tools::{Library, Programs, names};
use support::programs::{built, declarations, succeed};

/// Type and name of a parameter.
struct Parameter {
    kind: String,
    name: String,
}

impl Parameter {
    fn parse(text: &str) -> Self {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let start =
            text.rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_').map_or(0, |at| at + 1);
        let (kind, name) = text.split_at(start);
        Parameter { kind: kind.trim().to_owned(), name: name.to_owned() }
    }

    /// The type of the value that the function writes, for an out parameter.
    fn out(&self) -> Option<&str> {
        let value = self.kind.strip_suffix('*')?.trim_end();
        let is_number = ["bool", "int32_t", "int64_t", "size_t"].contains(&value);
        let is_handle = value.starts_with("acclient_") && value.ends_with('*');
        (is_number || is_handle).then_some(value)
    }

    /// The variable with a valid handle for this parameter.
    fn handle(&self) -> Option<&'static str> {
        let kind = self.kind.trim_start_matches("const ").strip_suffix(" *")?;
        HANDLES.iter().find(|(known, _)| *known == kind).map(|(_, variable)| *variable)
    }

    /// A zero or invalid value for a parameter other than a handle.
    fn plain(&self, is_invalid: bool) -> &'static str {
        match (self.kind.as_str(), is_invalid) {
            // The call ends at once.
            (_, _) if self.name == "timeout_ms" => "0",
            ("const char *", true) => r#""a\xff""#,
            ("size_t", true) => "2",
            ("int32_t" | "int64_t", true) => "-1",
            (kind, _) if kind.ends_with('*') || kind == "acclient_log_hook" => "NULL",
            _ => "0",
        }
    }
}

/// Variables with the handles that the program creates, by type.
const HANDLES: [(&str, &str); 11] = [
    ("acclient_options", "options"),
    ("acclient_client", "client"),
    ("acclient_cancel_token", "cancel"),
    ("acclient_target", "target"),
    ("acclient_run_args", "run_args"),
    ("acclient_msg_query", "msg_query"),
    ("acclient_process_query", "process_query"),
    ("acclient_rollout_plan", "plan"),
    ("acclient_request", "request"),
    ("acclient_command", "command"),
    ("acclient_tunnel", "tunnel"),
];

const START: &str = r#"
#include <acclient.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static acclient_options *options;
static acclient_client *client;
static acclient_cancel_token *cancel;
static acclient_target *target;
static acclient_run_args *run_args;
static acclient_msg_query *msg_query;
static acclient_process_query *process_query;
static acclient_rollout_plan *plan;
static acclient_request *request;
static acclient_command *command;
static acclient_tunnel *tunnel;
static int failures;

static void made(acclient_status status) {
    if (status != ACCLIENT_OK) {
        fprintf(stderr, "cannot create a handle: %d\n", (int)status);
        exit(2);
    }
}

/* No server listens on this port. */
static void start(void) {
    made(acclient_options_new(&options, NULL));
    made(acclient_options_set_url(options, "redis://127.0.0.1:1", NULL));
    made(acclient_client_build(options, &client, NULL));
    made(acclient_cancel_token_new(&cancel, NULL));
    made(acclient_cancel_token_cancel(cancel)); /* a call that uses it ends at once */
    made(acclient_target_agent(1, 1, &target, NULL));
    made(acclient_run_args_new(&run_args, NULL));
    made(acclient_msg_query_new(&msg_query, NULL));
    made(acclient_process_query_new(&process_query, NULL));
    made(acclient_rollout_plan_agents(1, &plan, NULL));
    made(acclient_request_new(client, target, "ping", &request, NULL));
    made(acclient_client_get_by_id(client, "x", &command, NULL));
    made(acclient_tunnel_new(1, "2.1", "127.0.0.1", 1, &tunnel, NULL));
}

static void is_zero(const char *call, const char *out, const void *value, size_t size) {
    const unsigned char *bytes = value;
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0) {
            printf("%s leaves garbage in %s\n", call, out);
            failures++;
            return;
        }
    }
}
"#;

/// A call with these arguments and the check of its out parameters. `missing`: the one that is NULL.
fn call(
    program: &mut String,
    (result, name): (&str, &str),
    parameters: &[Parameter],
    arguments: &[String],
    missing: Option<usize>,
) {
    let outs = || {
        parameters
            .iter()
            .enumerate()
            .filter(|(index, it)| it.out().is_some() && missing != Some(*index))
    };
    let mut places = Vec::new();
    *program += "    {\n";
    for (index, parameter) in outs() {
        // Two elements, for functions that write an array.
        let _ = writeln!(program, "        {} out{index}[2];", parameter.out().expect("it is one"));
        let _ = writeln!(program, "        memset(out{index}, 0xA5, sizeof out{index});");
        places.push(index);
    }
    let arguments: Vec<String> = (arguments.iter().enumerate())
        .map(|(index, text)| match places.contains(&index) {
            true => format!("out{index}"),
            false => text.clone(),
        })
        .collect();
    let arguments = arguments.join(", ");
    let shown = format!("{name}({arguments})").replace('\\', "\\\\").replace('"', "\\\"");
    let _ = writeln!(program, "        {result} result = {name}({arguments});");
    let failed = if result == "acclient_status" { "result != ACCLIENT_OK" } else { "!result" };
    for (index, parameter) in outs() {
        let is_error = parameter.kind == "acclient_error **" && parameter.name == "error";
        let is_array = name == "acclient_client_submit_many" && parameter.name != "error";
        let size = if is_array { "sizeof out" } else { "sizeof *out" };
        let condition = if is_error { "result == ACCLIENT_OK" } else { failed };
        let condition = if is_array && !arguments.contains(", 2, ") { "0" } else { condition };
        let _ = writeln!(
            program,
            "        if ({condition}) is_zero(\"{shown}\", \"{}\", out{index}, {size}{index});",
            parameter.name
        );
        if is_error {
            let _ = writeln!(program, "        if ({failed}) acclient_error_free(out{index}[0]);");
        }
    }
    *program += "        (void)result;\n    }\n";
}

/// Calls of a function with all combinations of valid and invalid arguments.
fn calls(program: &mut String, function: (&str, &str), parameters: &[Parameter]) {
    for is_invalid in [false, true] {
        let plain = |it: &Parameter| it.plain(is_invalid).to_owned();
        let nothing: Vec<String> = parameters.iter().map(plain).collect();
        let valid: Vec<String> = parameters
            .iter()
            .map(|it| it.handle().map_or_else(|| plain(it), str::to_owned))
            .collect();
        for arguments in [&nothing, &valid] {
            call(program, function, parameters, arguments, None);
            for (index, parameter) in parameters.iter().enumerate() {
                if parameter.out().is_some() {
                    call(program, function, parameters, arguments, Some(index));
                }
            }
        }
        for (index, parameter) in parameters.iter().enumerate() {
            if parameter.handle().is_some() {
                let mut arguments = valid.clone();
                arguments[index] = "NULL".to_owned();
                call(program, function, parameters, &arguments, None);
            }
        }
    }
}

#[test]
fn out_parameters_without_a_result_are_null_or_zero() {
    let dir = Programs::new("c-outs");
    let mut program = START.to_owned();
    let mut main = "int main(void) {\n    start();\n".to_owned();
    let mut with_outs = BTreeSet::new();
    for (result, name, parameters) in declarations() {
        let parameters: Vec<Parameter> = parameters.iter().map(|it| Parameter::parse(it)).collect();
        if parameters.iter().all(|it| it.out().is_none()) {
            continue;
        }
        let _ = writeln!(program, "\nstatic void call_{name}(void) {{");
        calls(&mut program, (&result, &name), &parameters);
        program += "}\n";
        let _ = writeln!(main, "    call_{name}();\n    puts(\"{name}\");");
        with_outs.insert(name);
    }
    program += &(main + "    return failures != 0;\n}\n");
    assert!(with_outs.len() > 150, "too few functions found: {}", with_outs.len());
    let source = dir.write("outs.c", &program);
    let built = built(dir.compile(&source, &Library::Shared));
    let output = succeed(built);
    assert_eq!(names(&output), with_outs);
}
