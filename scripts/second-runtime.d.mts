export function secondRuntime(): { node: string; modules: string };
