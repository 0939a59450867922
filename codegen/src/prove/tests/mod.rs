mod mutants;
mod numbers;
mod refused;
mod sample;
mod splits;
mod zoo;
