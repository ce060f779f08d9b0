// What the form makes of names and limits before the host sees them.
import { expect, test } from 'vitest';
import type { Module } from '../api/types';
import { checkDraft, suggestName } from './deploy-draft';

const module: Module = { digest: 'd', name: 'm', size_bytes: 1, kind: 'core', wasi: 'preview1', imports: [], needs: [], created_at: '', created_by: '' };
const draft = { name: 'tool', description: ' x ', directories: [], env: 'A=1', limits: { wall: '2 s', cpu: '', memory: '64 MiB', output: '', fuel: '' } };

test('a file name becomes a command name that the host takes', () => {
  expect(suggestName('My Tool-1.0.wasm')).toBe('my-tool-1.0');
  expect(suggestName('..Ünï.WASM')).toBe('n');
});

test('empty limits are left out, the others become numbers', () => {
  expect(checkDraft(draft, module)).toEqual({
    ok: true,
    body: { module: 'd', description: 'x', limits: { wall_ms: 2000, memory_bytes: 67_108_864 }, grants: { directories: [], env: { A: '1' }, network: [] } },
  });
});

test('each wrong field says so', () => {
  const grant = { path: 'data', guest: '/data', access: 'read_only' as const };
  const checked = checkDraft({ ...draft, name: 'No Spaces', directories: [grant], limits: { ...draft.limits, cpu: 'long', fuel: '1e9' } }, module);
  expect(checked.ok ? {} : Object.keys(checked.errors).sort()).toEqual(['cpu', 'directories', 'fuel', 'name']);
});
