//! Writes indented lines, and breaks them as rustfmt does.

/// Width of the widest line. The `rustfmt.toml` that goes with every crate says the same.
const WIDTH: usize = 130;

/// Source text under construction.
#[derive(Debug, Default)]
pub struct Text {
    text: String,
    depth: usize,
}

impl Text {
    /// Writes a line with the present indentation. An empty line has none.
    pub fn line(&mut self, line: impl AsRef<str>) {
        let line = line.as_ref();
        if !line.is_empty() {
            self.text.extend(std::iter::repeat_n("    ", self.depth));
            self.text.push_str(line);
        }
        self.text.push('\n');
    }

    /// `head {`, an indented body, `}`.
    pub fn block(&mut self, head: &str, body: impl FnOnce(&mut Self)) {
        self.block_ending(head, "}", body);
    }

    /// `head {`, an indented body, `tail`.
    pub fn block_ending(&mut self, head: &str, tail: &str, body: impl FnOnce(&mut Self)) {
        self.line(format!("{head} {{"));
        self.depth += 1;
        body(self);
        self.depth -= 1;
        self.line(tail);
    }

    /// `name(args);`
    pub fn call(&mut self, name: &str, args: &[String]) {
        self.list(&format!("{name}("), args, ");");
    }

    /// `pattern name(args),`: on one line, with the call in a block, or with each argument on a line of its own.
    pub fn arm(&mut self, pattern: &str, name: &str, args: &[String]) {
        let call = format!("{name}({})", args.join(", "));
        if self.fits(&format!("{pattern} {call},")) || !self.fits(&format!("    {call}")) {
            return self.list(&format!("{pattern} {name}("), args, "),");
        }
        self.block(pattern, |text| text.line(call));
    }

    /// `head` items `tail`: on one line, or with each item on a line of its own.
    pub fn list(&mut self, head: &str, items: &[String], tail: &str) {
        let line = format!("{head}{}{tail}", items.join(", "));
        if self.fits(&line) {
            return self.line(line);
        }
        self.line(head);
        self.depth += 1;
        for item in items {
            self.line(format!("{item},"));
        }
        self.depth -= 1;
        self.line(tail);
    }

    /// `head [items];`: on one line, with the items on the next line, or with each item on a line of its own.
    pub fn array(&mut self, head: &str, items: &[String]) {
        let array = format!("[{}];", items.join(", "));
        if self.fits(&format!("{head} {array}")) || !self.fits(&format!("    {array}")) {
            return self.list(&format!("{head} ["), items, "];");
        }
        self.line(head);
        self.depth += 1;
        self.line(array);
        self.depth -= 1;
    }

    /// `head` calls of one function `tail`: all on one line, or each on a line of its own, broken if it is too long.
    pub fn calls(&mut self, head: &str, name: &str, calls: &[Vec<String>], tail: &str) {
        let items: Vec<String> = calls.iter().map(|args| format!("{name}({})", args.join(", "))).collect();
        if self.fits(&format!("{head}{}{tail}", items.join(", "))) {
            return self.list(head, &items, tail);
        }
        self.line(head);
        self.depth += 1;
        for args in calls {
            self.list(&format!("{name}("), args, "),");
        }
        self.depth -= 1;
        self.line(tail);
    }

    /// `head(params) -> result {`, an indented body, `}`. If `result` is empty, the function returns nothing.
    pub fn function(&mut self, head: &str, params: &[String], result: &str, body: impl FnOnce(&mut Self)) {
        let arrow = if result.is_empty() { "" } else { " -> " };
        self.list(&format!("{head}("), params, &format!("){arrow}{result} {{"));
        self.depth += 1;
        body(self);
        self.depth -= 1;
        self.line("}");
    }

    /// Writes a comment, broken between words.
    pub fn comment(&mut self, mark: &str, text: &str) {
        let room = WIDTH - 4 * self.depth - mark.len() - 1;
        let mut line = String::new();
        for word in text.split_whitespace() {
            if !line.is_empty() && line.len() + 1 + word.len() > room {
                self.line(format!("{mark} {line}"));
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        self.line(format!("{mark} {line}"));
    }

    /// The text.
    pub fn finish(self) -> String {
        self.text
    }

    fn fits(&self, line: &str) -> bool {
        4 * self.depth + line.len() <= WIDTH
    }
}
