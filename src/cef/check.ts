/** Checks a mapping against the dictionary, when the package is built and in the tests. */
import { cefError } from "./errors";
import { pathsOf, repetition, rowProblem, type Mapping } from "./mapping";
import { parsePath } from "./path";

/** The problems of a mapping in words; an empty list if it is correct. */
export function checkMapping(mapping: Mapping): string[] {
  const problems = [...mapping.rows.map(rowProblem), repetition(mapping.rows)]
    .filter((problem) => problem !== undefined)
    .map(({ code, params }) => cefError(code, params).message);
  // The standard reserves the flex keys for the owner of the SIEM.
  const flex = mapping.rows.filter(({ key }) => key.startsWith("flex")).map(({ key }) => `${key} belongs to the owner of the SIEM: use a custom key.`);
  const header = Object.entries(mapping.header)
    .filter(([, source]) => pathsOf(source).some((path) => parsePath(path) === undefined))
    .map(([field]) => `The source of the header field ${field} is not a path.`);
  return [...problems, ...flex, ...header];
}
