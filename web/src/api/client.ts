// The HTTP client: envelope, problem details, bearer token with one renewal, uploads with progress.
import { Auth, exclusiveAcrossTabs } from './auth';
import { asProblem, problemFrom, unreachable } from './problem';
import type { Page, Success } from './types';

export interface RequestOptions {
  method?: string;
  json?: unknown;
  body?: BodyInit;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

export class Client {
  readonly auth: Auth;
  private readonly fetch: typeof fetch;

  constructor(auth: Auth, fetchFn: typeof fetch) {
    this.auth = auth;
    this.fetch = fetchFn;
  }

  /** Sends with a bearer token; after a 401 once more with a fresh one. The answer's body is unread. */
  async send(path: string, options: RequestOptions = {}): Promise<Response> {
    let token = await this.auth.token();
    for (let attempt = 0; ; attempt++) {
      const response = await this.once(path, options, token);
      if (response.status !== 401 || attempt > 0) return response;
      await response.body?.cancel();
      token = await this.auth.renew(token, tenantOf(path));
    }
  }

  async request<T>(path: string, options: RequestOptions = {}): Promise<Success<T>> {
    const response = await this.send(path, options);
    const text = await readText(response);
    if (!response.ok) throw problemFrom(response.status, text, response.headers.get('Retry-After'));
    if (text === '') return { success: true, data: undefined as T };
    return JSON.parse(text) as Success<T>;
  }

  async data<T>(path: string, options: RequestOptions = {}): Promise<T> {
    return (await this.request<T>(path, options)).data;
  }

  async page<T>(path: string, options: RequestOptions = {}): Promise<Page<T>> {
    const { data, pagination } = await this.request<T[]>(path, options);
    const page: Page<T> = { items: data };
    if (pagination?.has_next && pagination.cursor) page.cursor = pagination.cursor;
    return page;
  }

  /** `fetch` reports no upload progress, so a file goes by XMLHttpRequest. */
  async upload<T>(method: string, path: string, file: Blob, options: UploadOptions): Promise<{ data: T; status: number }> {
    let token = await this.auth.token();
    for (let attempt = 0; ; attempt++) {
      const answer = await xhrUpload(method, path, file, token, options);
      if (answer.status === 401 && attempt === 0) {
        token = await this.auth.renew(token, tenantOf(path));
        continue;
      }
      if (answer.status < 200 || answer.status >= 300) throw problemFrom(answer.status, answer.text, answer.retryAfter);
      return { data: (JSON.parse(answer.text) as Success<T>).data, status: answer.status };
    }
  }

  private async once(path: string, options: RequestOptions, token: string): Promise<Response> {
    const headers: Record<string, string> = { Accept: 'application/json', ...options.headers, Authorization: `Bearer ${token}` };
    const init: RequestInit = { method: options.method ?? 'GET', headers, credentials: 'same-origin' };
    if (options.signal) init.signal = options.signal;
    if (options.json !== undefined) {
      headers['Content-Type'] = 'application/json';
      init.body = JSON.stringify(options.json);
    } else if (options.body !== undefined) {
      init.body = options.body;
    }
    try {
      return await this.fetch(path, init);
    } catch (error) {
      if (options.signal?.aborted) throw error;
      throw asProblem(error);
    }
  }
}

/** The tenant that a path is about, if it is about one. */
function tenantOf(path: string): string | undefined {
  const name = /^\/v1\/([^/?]+)\//.exec(path)?.[1];
  return name === 'auth' || name === 'operator' ? undefined : name;
}

export interface UploadOptions {
  contentType: string;
  headers?: Record<string, string>;
  onProgress?: (sentBytes: number, totalBytes: number) => void;
  signal?: AbortSignal;
}

interface RawAnswer {
  status: number;
  text: string;
  retryAfter: string | null;
}

function xhrUpload(method: string, path: string, file: Blob, token: string, options: UploadOptions): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open(method, path);
    xhr.setRequestHeader('Accept', 'application/json');
    xhr.setRequestHeader('Content-Type', options.contentType);
    xhr.setRequestHeader('Authorization', `Bearer ${token}`);
    for (const [name, value] of Object.entries(options.headers ?? {})) xhr.setRequestHeader(name, value);
    xhr.upload.onprogress = (event) => {
      if (event.lengthComputable) options.onProgress?.(event.loaded, event.total);
    };
    xhr.onload = () => resolve({ status: xhr.status, text: xhr.responseText, retryAfter: xhr.getResponseHeader('Retry-After') });
    xhr.onerror = () => reject(unreachable());
    xhr.onabort = () => reject(new DOMException('The upload was cancelled.', 'AbortError'));
    options.signal?.addEventListener('abort', () => xhr.abort(), { once: true });
    xhr.send(file);
  });
}

async function readText(response: Response): Promise<string> {
  try {
    return await response.text();
  } catch (error) {
    throw asProblem(error);
  }
}

/** A query string of the parameters that have a value; a list becomes one parameter for each. */
export function query(parameters: Record<string, string | number | boolean | readonly string[] | undefined>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (Array.isArray(value)) for (const one of value as readonly string[]) search.append(name, one);
    else if (value !== undefined && value !== '') search.set(name, String(value));
  }
  const text = search.toString();
  return text ? `?${text}` : '';
}

const browserFetch: typeof fetch = (input, init) => globalThis.fetch(input, init);

/** The one client of this page. */
export const auth = new Auth({ fetch: browserFetch, now: () => Date.now(), exclusive: exclusiveAcrossTabs });
export const client = new Client(auth, browserFetch);
