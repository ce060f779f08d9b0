// Small pieces of HTTP for the mock: envelopes, problems, bodies, event streams.
import { randomBytes } from 'node:crypto';

export class Refusal extends Error {
  constructor(status, code, detail, headers = {}) {
    super(detail);
    Object.assign(this, { status, code, headers });
  }
}

export const TITLES = {
  400: 'Bad request',
  401: 'Not signed in',
  403: 'Not allowed',
  404: 'Not found',
  409: 'Conflict',
  410: 'Gone',
  422: 'Cannot be done',
  429: 'Too many requests',
};

export function problem(res, refusal) {
  const requestId = `req_${randomBytes(6).toString('hex')}`;
  const body = {
    type: `/problems/${refusal.code}`,
    title: TITLES[refusal.status] ?? 'Failed',
    status: refusal.status,
    detail: refusal.message,
    code: refusal.code,
    request_id: requestId,
    ...(refusal.expected === undefined ? {} : { expected: refusal.expected }),
  };
  res.writeHead(refusal.status, { 'Content-Type': 'application/problem+json', 'X-Request-Id': requestId, ...refusal.headers });
  res.end(JSON.stringify(body));
}

export function answer(res, data, { status = 200, tenant, pagination, headers = {}, more = {} } = {}) {
  if (status === 204) {
    res.writeHead(204, headers);
    res.end();
    return;
  }
  const body = { success: true, data, ...more };
  if (tenant) body.tenant_id = tenant;
  if (pagination) body.pagination = pagination;
  res.writeHead(status, { 'Content-Type': 'application/json', ...headers });
  res.end(JSON.stringify(body));
}

/** A page of `list` after the cursor, which is an offset in disguise. */
export function page(res, list, url, tenant) {
  const limit = Math.min(200, Math.max(1, Number(url.searchParams.get('limit') ?? 50)));
  const from = Number(Buffer.from(url.searchParams.get('cursor') ?? '', 'base64url').toString() || 0);
  const items = list.slice(from, from + limit);
  const next = from + items.length;
  const pagination = { per_page: limit, has_next: next < list.length };
  if (pagination.has_next) pagination.cursor = Buffer.from(String(next)).toString('base64url');
  answer(res, items, { tenant, pagination });
}

export async function readBody(req, maxBytes = 64 * 1024 * 1024) {
  const chunks = [];
  let size = 0;
  for await (const chunk of req) {
    size += chunk.length;
    if (size > maxBytes) throw new Refusal(422, 'body_too_large', `The body is larger than ${maxBytes} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

export async function readJson(req) {
  const body = await readBody(req, 1024 * 1024);
  try {
    return JSON.parse(body.toString() || '{}');
  } catch {
    throw new Refusal(400, 'json_invalid', 'The body is not JSON.');
  }
}

/** Opens an event stream; gives `send(event, id, data)` and calls `onClose` once. */
export function eventStream(req, res, onClose) {
  res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store', 'X-Accel-Buffering': 'no' });
  res.write('retry: 500\n\n');
  const beat = setInterval(() => res.write(': beat\n\n'), 15_000);
  const close = () => {
    clearInterval(beat);
    onClose?.();
    onClose = undefined;
  };
  res.on('close', close);
  return {
    send: (event, id, data) => res.write(`id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`),
    end: () => res.end(),
  };
}
