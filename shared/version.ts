// The version of both programs leaves here: for --version, for the hello's `software`. A test keeps it equal to package.json.

export const version = '0.1.0';
