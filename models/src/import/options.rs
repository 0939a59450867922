//! What the user may say about a file.

use std::collections::BTreeMap;

/// How a file is imported.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// The dimensions of inputs by name, instead of the declared ones.
    pub input_shapes: BTreeMap<String, Vec<usize>>,
    /// The seed of random weights, for a file whose weights are missing. Without it, missing weights are an error.
    pub random_weights: Option<u64>,
}

impl ImportOptions {
    /// Adds the dimensions of an input, written `NAME=1,3,320,320`.
    ///
    /// # Errors
    /// If the text is not of this form.
    pub fn with_input_shape(mut self, text: &str) -> Result<Self, String> {
        let fault = || format!("'{}' is no input shape; write NAME=1,3,320,320", crate::escape::line(text));
        let (name, dims) = text.rsplit_once('=').ok_or_else(fault)?;
        let dims: Option<Vec<usize>> = dims.split(',').map(|dim| dim.trim().parse().ok().filter(|&dim| dim > 0)).collect();
        self.input_shapes.insert(name.into(), dims.filter(|_| !name.is_empty()).ok_or_else(fault)?);
        Ok(self)
    }
}
