// Failures as values: the host's problem details, or what stands in for them when no answer came.
import type { Problem } from './types';

export class ApiProblem extends Error {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly requestId: string | undefined;
  /** From `Retry-After`, when the host said it. */
  readonly retryAfterMs: number | undefined;
  /** Since the epoch, from the browser's clock when the answer came: until when asking again is pointless. */
  readonly retryAtMs: number | undefined;
  /** Members of the problem document beyond the usual ones. */
  readonly more: Record<string, unknown>;

  constructor(problem: Partial<Problem> & { detail: string }, retryAfterMs?: number, nowMs = Date.now()) {
    super(problem.detail);
    this.more = problem as Record<string, unknown>;
    this.retryAtMs = retryAfterMs === undefined ? undefined : nowMs + retryAfterMs;
    this.name = 'ApiProblem';
    this.status = problem.status ?? 0;
    this.code = problem.code ?? 'unknown';
    this.title = problem.title ?? 'Request failed';
    this.requestId = problem.request_id || undefined;
    this.retryAfterMs = retryAfterMs;
  }
}

/** No answer at all: the network, or the host, is down. */
export function unreachable(): ApiProblem {
  return new ApiProblem({
    code: 'host_unreachable',
    title: 'No answer',
    detail: 'The host did not answer. Check your connection; this page tries again when you ask it to.',
  });
}

export function parseRetryAfter(value: string | null, nowMs: number): number | undefined {
  if (!value) return undefined;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}

/** Reads a failed answer's body; a proxy in between may have sent something that is not a problem. */
export function problemFrom(status: number, body: string, retryAfter: string | null): ApiProblem {
  const retryAfterMs = parseRetryAfter(retryAfter, Date.now());
  try {
    const parsed = JSON.parse(body) as Partial<Problem>;
    if (parsed && typeof parsed.code === 'string') {
      return new ApiProblem({ ...parsed, status, detail: parsed.detail ?? parsed.title ?? parsed.code }, retryAfterMs);
    }
  } catch {
    // Not JSON: fall through to the status alone.
  }
  return new ApiProblem(
    { status, code: `http_${status}`, title: 'Unexpected answer', detail: `The host answered with status ${status} and no explanation.` },
    retryAfterMs,
  );
}

export function asProblem(error: unknown): ApiProblem {
  if (error instanceof ApiProblem) return error;
  if (error instanceof TypeError) return unreachable();
  return new ApiProblem({ code: 'console_fault', title: 'Fault in the console', detail: error instanceof Error ? error.message : String(error) });
}
