// Log lines that commands write as JSON objects: a message and its fields, read as a person would write them.

export interface Structured {
  message: string;
  /** `done=1 total=10`; empty without fields. */
  fields: string;
}

/** Undefined for every line that is not `{…, "message": "…"}`, or `"msg"`, as some libraries have it. */
export function structured(text: string): Structured | undefined {
  if (!text.startsWith('{') || !text.endsWith('}')) return undefined;
  let parsed: Record<string, unknown>;
  try {
    parsed = JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  const { level: _level, message, msg, fields, ...rest } = parsed;
  const said = message ?? msg;
  if (typeof said !== 'string') return undefined;
  const inner = typeof fields === 'object' && fields !== null && !Array.isArray(fields) ? fields : fields === undefined ? {} : { fields };
  const pairs = Object.entries({ ...rest, ...inner }).map(([name, value]) => `${name}=${shown(value)}`);
  return { message: said, fields: pairs.join(' ') };
}

function shown(value: unknown): string {
  if (typeof value === 'string') return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
  return JSON.stringify(value);
}
