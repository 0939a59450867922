//! What tells pkg-config and CMake where a library for C is. Both find it beside themselves, wherever the folder lies.

use sartor_models::escape;

/// A library that was built.
#[derive(Clone, Copy, Debug)]
pub(super) struct Library<'a> {
    /// Its name, without `lib`.
    pub name: &'a str,
    /// Its version, as Cargo has it.
    pub version: &'a str,
    /// What it is, for people.
    pub description: &'a str,
    /// What a program that links the static library links as well.
    pub native: &'a str,
}

impl Library<'_> {
    /// The files, by their paths in the folder.
    pub fn files(&self) -> [(String, String); 3] {
        let name = self.name;
        let cmake = |file: &str| format!("lib/cmake/{name}/{name}-{file}.cmake");
        [
            (format!("lib/pkgconfig/{name}.pc"), self.pkg_config()),
            (cmake("config"), self.cmake()),
            (cmake("config-version"), self.cmake_version()),
        ]
    }

    fn pkg_config(&self) -> String {
        let Self { name, version, native, .. } = self;
        // A description is a line, in which `$` begins a variable and `#` a comment.
        let description = escape::line(self.description).to_string().replace('$', "$$").replace('#', "\\#");
        format!(
            "prefix=${{pcfiledir}}/../..\nincludedir=${{prefix}}/include\nlibdir=${{prefix}}/lib\n\nName: {name}\n\
             Description: {description}\nVersion: {version}\nCflags: -I${{includedir}}\nLibs: -L${{libdir}} -l{name}\n\
             Libs.private: {native}\n"
        )
    }

    fn cmake(&self) -> String {
        let Self { name, native, .. } = self;
        let native = native.split_whitespace().collect::<Vec<_>>().join(";");
        let target = |target: &str, kind: &str, file: &str, more: &str| {
            format!(
                "if(NOT TARGET {name}::{target})\n  add_library({name}::{target} {kind} IMPORTED)\n  \
                 set_target_properties({name}::{target} PROPERTIES\n    IMPORTED_LOCATION \"${{_{name}_prefix}}/lib/{file}\"\n    \
                 {more}\n    INTERFACE_INCLUDE_DIRECTORIES \"${{_{name}_prefix}}/include\")\nendif()\n"
            )
        };
        let shared = target(name, "SHARED", &format!("lib{name}.so"), &format!("IMPORTED_SONAME lib{name}.so"));
        let fixed = target("static", "STATIC", &format!("lib{name}.a"), &format!("INTERFACE_LINK_LIBRARIES \"{native}\""));
        format!(
            "# {name}::{name} is the shared library, {name}::static the static one.\n\
             get_filename_component(_{name}_prefix \"${{CMAKE_CURRENT_LIST_DIR}}/../../..\" ABSOLUTE)\n{shared}{fixed}\
             unset(_{name}_prefix)\n"
        )
    }

    /// A version is taken by those who ask for it or for an earlier one of the same first number.
    fn cmake_version(&self) -> String {
        let numbers = self.version.split(['-', '+']).next().unwrap_or_default();
        let major = numbers.split('.').next().unwrap_or_default();
        format!(
            "set(PACKAGE_VERSION \"{numbers}\")\n\
             if(PACKAGE_FIND_VERSION VERSION_GREATER PACKAGE_VERSION)\n  set(PACKAGE_VERSION_COMPATIBLE FALSE)\n\
             elseif(PACKAGE_FIND_VERSION_MAJOR AND NOT PACKAGE_FIND_VERSION_MAJOR STREQUAL \"{major}\")\n  \
             set(PACKAGE_VERSION_COMPATIBLE FALSE)\nelse()\n  set(PACKAGE_VERSION_COMPATIBLE TRUE)\n  \
             if(PACKAGE_FIND_VERSION STREQUAL PACKAGE_VERSION)\n    set(PACKAGE_VERSION_EXACT TRUE)\n  endif()\nendif()\n"
        )
    }
}
