// The mock's log: filters, pages, histogram, context, export.
import { answer, eventStream, Refusal } from './http.mjs';

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'none'];
const FIELD_LIMIT = 8;

function fieldOf(fields, path) {
  if (fields === undefined) return undefined;
  if (path in fields) return fields[path];
  return path.split('.').reduce((value, key) => (value === null || value === undefined ? undefined : value[key]), fields);
}

/** From pairs of names and values to a test of lines. */
export function logMatcher(pairs) {
  const tests = [];
  if (pairs.filter(([name]) => name === 'field').length > FIELD_LIMIT) throw new Refusal(400, 'invalid_value', 'At most 8 fields.');
  for (const [name, value] of pairs) {
    if (value === '' || ['order', 'cursor', 'limit', 'count', 'buckets', 'format', 'before', 'after'].includes(name)) continue;
    const words = value.split(',');
    if (['run', 'command', 'workflow_run', 'step'].includes(name)) tests.push((line) => line[name] === value);
    else if (name === 'stream') tests.push((line) => words.includes(line.stream));
    else if (name === 'level') tests.push((line) => words.includes(line.level ?? 'none'));
    else if (name === 'text') tests.push((line) => line.text.includes(value));
    else if (name === 'regex') {
      try {
        const pattern = new RegExp(value);
        tests.push((line) => pattern.test(line.text));
      } catch {
        throw new Refusal(400, 'invalid_value', '“regex” is not a regular expression: a group is not closed.');
      }
    } else if (name === 'field') {
      const at = value.indexOf('=');
      const [path, wanted] = at < 0 ? [value] : [value.slice(0, at), value.slice(at + 1)];
      tests.push((line) => {
        const got = fieldOf(line.fields, path);
        return got !== undefined && (wanted === undefined || String(got) === wanted);
      });
    } else if (name === 'from') tests.push((line) => Date.parse(line.time) >= Date.parse(value));
    else if (name === 'to') tests.push((line) => Date.parse(line.time) < Date.parse(value));
  }
  return (line) => tests.every((test) => test(line));
}

const matcherOf = (url) => logMatcher([...url.searchParams]);

export const logRoutes = {
  async 'GET logs'(call) {
    const { req, res, url, tenant } = call;
    const matches = matcherOf(url);
    const wanted = Object.fromEntries(url.searchParams);
    if (!(req.headers.accept ?? '').includes('text/event-stream')) return logPage(call, tenant.lines.filter(matches), wanted);
    const send = (line) => matches(line) && stream.send('line', line.seq, line);
    const stream = eventStream(req, res, () => tenant.followers.delete(send));
    const from = req.headers['last-event-id'] ?? wanted.cursor;
    if (from !== undefined) tenant.lines.slice(Number(from)).forEach(send);
    tenant.followers.add(send);
  },
  async 'GET logs/*'(call, key) {
    const { res, url, tenant } = call;
    if (key === 'histogram') return answer(res, histogram(tenant.lines.filter(matcherOf(url)), url), { tenant: tenant.record.id });
    if (key === 'export') return exportLog(res, url, tenant.lines.filter(matcherOf(url)));
    answer(res, lineOf(tenant, key));
  },
  async 'GET logs/*/context'({ res, url, tenant }, key) {
    const line = lineOf(tenant, key);
    const matches = matcherOf(url);
    const size = (name) => Number(url.searchParams.get(name) ?? 20);
    const before = tenant.lines.filter((other) => other.seq < line.seq && matches(other));
    const after = tenant.lines.filter((other) => other.seq > line.seq && matches(other)).slice(0, size('after'));
    const shown = before.slice(Math.max(0, before.length - size('before')));
    answer(res, { before: shown, line, after, ...(before.length > shown.length ? { older: String((shown[0] ?? line).seq) } : {}), newer: String((after.at(-1) ?? line).seq) });
  },
};

function lineOf(tenant, key) {
  const line = tenant.lines.find(({ seq }) => seq === Number(key));
  if (line) return line;
  throw Number(key) <= tenant.trimmedLines ? new Refusal(410, 'line_deleted', 'The line was deleted.') : new Refusal(404, 'line_not_found', 'There is no such line.');
}

/** By line number and not by place: new lines must not move the pages of older ones. */
function logPage(call, lines, { order = 'desc', cursor, limit = 50, count }) {
  const ascending = order === 'asc';
  const after = cursor === undefined ? lines : lines.filter(({ seq }) => (ascending ? seq > Number(cursor) : seq < Number(cursor)));
  const items = (ascending ? after : [...after].reverse()).slice(0, Number(limit));
  const pagination = { per_page: Number(limit), has_next: items.length < after.length };
  if (pagination.has_next) pagination.cursor = String(items.at(-1).seq);
  const more = {};
  if (count === 'true') more.count = { lines: lines.length, exact: true };
  if (call.tenant.missing.length > 0) more.missing = call.tenant.missing;
  answer(call.res, items, { tenant: call.tenant.record.id, pagination, more });
}

function histogram(lines, url) {
  const count = Number(url.searchParams.get('buckets') ?? 60);
  const time = (name, line) => Date.parse(url.searchParams.get(name) ?? line?.time ?? new Date().toISOString());
  const from = time('from', lines[0]);
  const to = Math.max(from + 1, time('to', lines.at(-1)) + (url.searchParams.get('to') ? 0 : 1));
  const width = (to - from) / count;
  const buckets = Array.from({ length: count }, (_, index) => ({ from: new Date(from + index * width).toISOString(), lines: 0, ...Object.fromEntries(LEVELS.map((level) => [level, 0])) }));
  for (const line of lines) {
    const bucket = buckets[Math.min(count - 1, Math.floor((Date.parse(line.time) - from) / width))];
    if (!bucket) continue;
    bucket.lines += 1;
    bucket[line.level ?? 'none'] += 1;
  }
  return { from: new Date(from).toISOString(), to: new Date(to).toISOString(), bucket_us: Math.round(width * 1000), buckets, count: { lines: lines.length, exact: true } };
}

function exportLog(res, url, lines) {
  const raw = url.searchParams.get('format') === 'raw';
  res.writeHead(200, { 'Content-Type': raw ? 'text/plain; charset=utf-8' : 'application/x-ndjson', 'Content-Disposition': 'attachment' });
  for (const line of lines) res.write(`${raw ? line.text : JSON.stringify(line)}\n`);
  res.end();
}
