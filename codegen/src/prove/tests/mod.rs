mod mutants;
mod numbers;
mod sample;
mod zoo;
