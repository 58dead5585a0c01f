// eslint-disable-next-line @typescript-eslint/unbound-method -- it is called with its text
const { charCodeAt } = String.prototype;

/**
 * `text.charCodeAt(at)`. V8 has a dozen kinds of strings (one or two bytes a character, part of another one, ...), and a
 * function that has met more than four of them looks the method up with every call, which takes longer than the call.
 */
export const codeAt = (text: string, at: number): number => charCodeAt.call(text, at);
