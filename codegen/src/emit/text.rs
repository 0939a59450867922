//! Lines with indentation, broken as rustfmt breaks them.

/// Widest line.
const WIDTH: usize = 100;

/// Widest list of call arguments on one line.
const CALL_WIDTH: usize = 60;

/// Source text under construction.
#[derive(Debug, Default)]
pub struct Text {
    text: String,
    depth: usize,
}

impl Text {
    /// A line at the present depth; an empty one has no indentation.
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
        let list = args.join(", ");
        if list.len() <= CALL_WIDTH && self.fits(&format!("{name}({list});")) {
            return self.line(format!("{name}({list});"));
        }
        self.line(format!("{name}("));
        self.depth += 1;
        for arg in args {
            self.line(format!("{arg},"));
        }
        self.depth -= 1;
        self.line(");");
    }

    /// `head(params) {`, an indented body, `}`.
    pub fn function(&mut self, head: &str, params: &[String], body: impl FnOnce(&mut Self)) {
        let signature = format!("{head}({})", params.join(", "));
        if self.fits(&format!("{signature} {{")) {
            return self.block(&signature, body);
        }
        self.line(format!("{head}("));
        self.depth += 1;
        for param in params {
            self.line(format!("{param},"));
        }
        self.depth -= 1;
        self.block(")", body);
    }

    /// A comment, broken between words.
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
