//! What a session remembers between lines, and what a job takes along.

use std::collections::BTreeMap;

use crate::{ast::is_name, limits, status, world::Refusal};

/// Variables, working directory, last status and options.
#[derive(Debug, Clone)]
pub(crate) struct State {
    variables: BTreeMap<String, Variable>,
    /// Bytes of all names and values.
    bytes: usize,
    pub(crate) cwd: String,
    pub(crate) status: i32,
    pub(crate) pipefail: bool,
    /// Whether lines are kept in the history.
    pub(crate) history: bool,
    pub(crate) exit: Option<i32>,
}

#[derive(Debug, Clone, Default)]
struct Variable {
    /// `None` after `export NAME` of a variable that was never set.
    value: Option<String>,
    exported: bool,
}

impl State {
    pub(crate) fn new() -> Self {
        let mut state = Self {
            variables: BTreeMap::new(),
            bytes: 0,
            cwd: "/".to_owned(),
            status: status::SUCCESS,
            pipefail: false,
            history: true,
            exit: None,
        };
        for name in ["HOME", "PWD"] {
            let variable = Variable { value: Some("/".to_owned()), exported: true };
            state.bytes += name.len() + 1;
            state.variables.insert(name.to_owned(), variable);
        }
        state
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name)?.value.as_deref()
    }

    /// Sets a variable, which stays exported if it was.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        if !is_name(name) {
            return Err(Refusal::new("invalid_name", format!("{name}: not a name for a variable")));
        }
        if value.contains('\0') {
            return Err(Refusal::new("invalid_value", format!("{name}: a value has no NUL")));
        }
        let before = self.variables.get(name);
        let old_bytes = before.map_or(0, |before| name.len() + before.value.as_ref().map_or(0, String::len));
        let bytes = self.bytes - old_bytes + name.len() + value.len();
        if bytes > limits::VARIABLES_BYTES {
            let message = format!("variables have at most {} bytes together", limits::VARIABLES_BYTES);
            return Err(Refusal::new("too_many_variables", message));
        }
        if before.is_none() && self.variables.len() >= limits::VARIABLES {
            let message = format!("there are at most {} variables", limits::VARIABLES);
            return Err(Refusal::new("too_many_variables", message));
        }
        self.bytes = bytes;
        self.variables.entry(name.to_owned()).or_default().value = Some(value.to_owned());
        Ok(())
    }

    pub(crate) fn export(&mut self, name: &str) -> Result<(), Refusal> {
        if !self.variables.contains_key(name) {
            self.set(name, "")?;
            if let Some(variable) = self.variables.get_mut(name) {
                variable.value = None;
            }
        }
        if let Some(variable) = self.variables.get_mut(name) {
            variable.exported = true;
        }
        Ok(())
    }

    pub(crate) fn unexport(&mut self, name: &str) {
        if let Some(variable) = self.variables.get_mut(name) {
            variable.exported = false;
        }
    }

    pub(crate) fn unset(&mut self, name: &str) {
        if let Some(gone) = self.variables.remove(name) {
            self.bytes -= name.len() + gone.value.map_or(0, |value| value.len());
        }
    }

    /// Names and values of the variables that are set.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().filter_map(|(name, variable)| Some((name.as_str(), variable.value.as_deref()?)))
    }

    /// What a run is given, with the assignments before its name.
    pub(crate) fn environment(&self, assigned: &[(String, String)]) -> Vec<(String, String)> {
        let exported = self.variables.iter().filter(|(_, variable)| variable.exported);
        let mut environment: BTreeMap<&str, &str> = exported
            .filter_map(|(name, variable)| Some((name.as_str(), variable.value.as_deref()?)))
            .collect();
        environment.extend(assigned.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        environment.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// Names of the variables that runs are given.
    pub(crate) fn exported(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let exported = self.variables.iter().filter(|(_, variable)| variable.exported);
        exported.map(|(name, variable)| (name.as_str(), variable.value.as_deref()))
    }
}
