// What the form makes of names and limits before the host sees them.
import { expect, test } from 'vitest';
import type { Module } from '../api/types';
import { checkDraft, suggestName, type Draft } from './deploy-draft';

const module: Module = { digest: 'd', name: 'm', size_bytes: 1, kind: 'core', wasi: 'preview1', imports: [], needs: [], created_at: '', created_by: '' };
const draft: Draft = { name: 'tool', description: ' x ', directories: [], network: [], secrets: [], env: 'A=1', limits: { wall: '2 s', cpu: '', memory: '64 MiB', output: '', fuel: '' } };

test('a file name becomes a command name that the host takes', () => {
  expect(suggestName('My Tool-1.0.wasm')).toBe('my-tool-1.0');
  expect(suggestName('..Ünï.WASM')).toBe('n');
});

test('empty limits are left out, the others become numbers', () => {
  expect(checkDraft(draft, module)).toEqual({
    ok: true,
    body: { module: 'd', description: 'x', limits: { wall_ms: 2000, memory_bytes: 67_108_864 }, grants: { directories: [], env: { A: '1' }, network: [], secrets: [] } },
  });
});

test('each wrong field says so', () => {
  const grant = { path: 'data', guest: '/data', access: 'read_only' as const };
  const checked = checkDraft({ ...draft, name: 'No Spaces', directories: [grant], limits: { ...draft.limits, cpu: 'long', fuel: '1e9' } }, module);
  expect(checked.ok ? {} : Object.keys(checked.errors).sort()).toEqual(['cpu', 'directories', 'fuel', 'name']);
});

const secret = { name: 'token', as: 'header' as const, env: '', host: 'api.example.com', port: '443', header: 'Authorization', prefix: 'Bearer ' };

test('grants of the network and of secrets become what the host reads', () => {
  const given = { ...draft, network: [{ host: '*.example.com', port: '8443' }], secrets: [secret, { ...secret, as: 'env' as const, env: 'API_TOKEN' }] };
  const checked = checkDraft(given, module);
  expect(checked.ok && checked.body.grants).toEqual({
    directories: [],
    env: { A: '1' },
    network: [{ host: '*.example.com', port: 8443 }],
    secrets: [
      { name: 'token', as: { header: { host: 'api.example.com', port: 443, name: 'authorization', prefix: 'Bearer ' } } },
      { name: 'token', as: { env: 'API_TOKEN' } },
    ],
  });
});

test('a grant that cannot be meant is told before it is sent', () => {
  const errorsOf = (part: Partial<Draft>) => {
    const checked = checkDraft({ ...draft, ...part }, module);
    return checked.ok ? {} : checked.errors;
  };
  for (const host of ['', 'https://example.com', 'a b', '*', 'a/*.com']) expect(errorsOf({ network: [{ host, port: '443' }] }).network, host).toBeDefined();
  for (const host of ['::1', '10.0.0.1', 'localhost', '*.a.example']) expect(errorsOf({ network: [{ host, port: '1' }] }), host).toEqual({});
  for (const port of ['', '0', '65536', 'x']) expect(errorsOf({ network: [{ host: 'a.example', port }] }).network).toBeDefined();
  for (const wrong of [{ name: '' }, { host: '*.example.com' }, { header: 'a b' }, { port: '99999' }, { as: 'env' as const, env: '1A' }]) {
    expect(errorsOf({ secrets: [{ ...secret, ...wrong }] }).secrets, JSON.stringify(wrong)).toBeDefined();
  }
});
