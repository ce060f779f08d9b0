// The access token: kept in memory only, renewed by the HttpOnly cookie, one renewal at a time.
import { asProblem, problemFrom, type ApiProblem } from './problem';
import type { Principal, Success, Tokens } from './types';

/** Renew this long before the end, so that a request in flight does not meet an expired token; short-lived ones sooner. */
const EARLY_MS = 30_000;
const EARLY_PART = 1 / 3;

export interface AuthDeps {
  fetch: typeof fetch;
  now: () => number;
  /** Runs the renewal alone among all tabs: the refresh token works once, and two tabs share the cookie. */
  exclusive: <T>(task: () => Promise<T>) => Promise<T>;
}

export type AuthEvent =
  | { kind: 'signed_in'; principal: Principal }
  /** `expired`: not by the person's own wish. */
  | { kind: 'signed_out'; expired: boolean };

export class Auth {
  private access: { token: string; renewAtMs: number } | undefined;
  private renewal: Promise<string> | undefined;
  /** What this tab works in: another tab of the same session may work in another tenant. */
  private tenant: string | undefined;
  private readonly listeners = new Set<(event: AuthEvent) => void>();
  private readonly deps: AuthDeps;

  constructor(deps: AuthDeps) {
    this.deps = deps;
  }

  subscribe(listener: (event: AuthEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Takes over what a sign-in answered. */
  accept(tokens: Tokens): void {
    const lifetimeMs = tokens.expires_in_s * 1000;
    const renewAtMs = this.deps.now() + lifetimeMs - Math.min(EARLY_MS, lifetimeMs * EARLY_PART);
    this.access = { token: tokens.access_token, renewAtMs };
    this.emit({ kind: 'signed_in', principal: tokens.principal });
  }

  /** A token that is good for at least a few seconds; renews it when it must. */
  async token(): Promise<string> {
    const access = this.access;
    if (access && this.deps.now() < access.renewAtMs) return access.token;
    return this.renew();
  }

  /** Renews at once, for instance after a 401. `stale` is the token that was refused: a newer one is given as it is. */
  async renew(stale?: string, tenant = this.tenant): Promise<string> {
    this.tenant = tenant;
    if (stale !== undefined && this.access && this.access.token !== stale) return this.access.token;
    this.renewal ??= this.deps
      .exclusive(() => this.exchange())
      .finally(() => {
        this.renewal = undefined;
      });
    return this.renewal;
  }

  async post(path: string, body: unknown, bearer?: string): Promise<Tokens> {
    const headers: Record<string, string> = { 'Content-Type': 'application/json', 'X-Cloister-CSRF': '1' };
    if (bearer !== undefined) headers.Authorization = `Bearer ${bearer}`;
    let response: Response;
    try {
      response = await this.deps.fetch(path, {
        method: 'POST',
        credentials: 'same-origin',
        headers,
        body: JSON.stringify(body),
      });
    } catch (error) {
      throw asProblem(error);
    }
    const text = await response.text();
    if (!response.ok) throw problemFrom(response.status, text, response.headers.get('Retry-After'));
    return (JSON.parse(text) as Success<Tokens>).data;
  }

  async signIn(email: string, password: string): Promise<Principal> {
    const tokens = await this.post('/v1/auth/sign-in', { email, password });
    this.accept(tokens);
    return tokens.principal;
  }

  async useLink(token: string): Promise<Principal> {
    const tokens = await this.post('/v1/auth/link', { token });
    this.accept(tokens);
    return tokens.principal;
  }

  /** With the account that is signed in, else with a new one, which takes the password. */
  async acceptInvitation(token: string, newPassword?: string): Promise<Principal> {
    const bearer = this.access ? await this.token() : undefined;
    const body = newPassword === undefined ? { token } : { token, new_password: newPassword };
    const tokens = await this.post('/v1/auth/invitation', body, bearer);
    this.accept(tokens);
    return tokens.principal;
  }

  /** Ends the session here even when the host cannot be told. */
  async signOut(): Promise<void> {
    const token = this.access?.token;
    this.drop(false);
    const headers: Record<string, string> = { 'Content-Type': 'application/json', 'X-Cloister-CSRF': '1' };
    if (token) headers.Authorization = `Bearer ${token}`;
    await this.deps
      .fetch('/v1/auth/sign-out', { method: 'POST', credentials: 'same-origin', headers, body: '{}' })
      .catch(() => undefined);
  }

  private drop(expired: boolean): void {
    this.access = undefined;
    this.emit({ kind: 'signed_out', expired });
  }

  private async exchange(): Promise<string> {
    try {
      const tokens = await this.refresh();
      this.accept(tokens);
      return tokens.access_token;
    } catch (error) {
      const problem: ApiProblem = asProblem(error);
      // Only a refusal ends the session; a host that is away for a moment does not.
      if (problem.status >= 400 && problem.status < 500 && problem.status !== 429) this.drop(this.access !== undefined);
      throw problem;
    }
  }

  /** For this tab's tenant; a tenant that is none of theirs is no reason to end the session. */
  private async refresh(): Promise<Tokens> {
    if (this.tenant !== undefined) {
      try {
        return await this.post('/v1/auth/refresh', { tenant: this.tenant });
      } catch (error) {
        if (asProblem(error).status !== 404) throw error;
        this.tenant = undefined;
      }
    }
    return this.post('/v1/auth/refresh', {});
  }

  private emit(event: AuthEvent): void {
    for (const listener of this.listeners) listener(event);
  }
}

/** Web Locks where the browser has them (secure contexts); elsewhere tabs take their chance. */
export function exclusiveAcrossTabs<T>(task: () => Promise<T>): Promise<T> {
  const locks = globalThis.navigator?.locks;
  return locks ? (locks.request('cloister-refresh', task) as Promise<T>) : task();
}
