// What tests outside of the page use of the backward passes of the classroom file.

export { marked } from "./grading";
export { exercise } from "./sheet";
export { traced } from "./trace";
