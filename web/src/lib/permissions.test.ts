import { expect, test } from 'vitest';
import { allows, groupPermissions, isPattern, patternsOf } from './permissions';

test('a permission allows its action, and a pattern only the commands it matches', () => {
  const list = ['log:read', 'run:create:report-*', 'run:create:a?.b'];
  expect(allows(list, 'log:read')).toBe(true);
  expect(allows(list, 'log:delete')).toBe(false);
  expect(allows(list, 'run:create')).toBe(true);
  expect(allows(list, 'run:create', 'report-daily')).toBe(true);
  expect(allows(list, 'run:create', 'reports')).toBe(false);
  expect(allows(list, 'run:create', 'ax.b')).toBe(true);
  expect(allows(list, 'run:create', 'axxb')).toBe(false);
  expect(allows(['run:create'], 'run:create', 'anything')).toBe(true);
  expect(allows([], 'run:create')).toBe(false);
});

test('groups follow the order in which people meet things, and nothing is lost', () => {
  const groups = groupPermissions(['tenant:read', 'run:read', 'module:read', 'new:thing', 'run:create']);
  expect(groups.map(({ area }) => area)).toEqual(['module', 'run', 'tenant', 'new']);
  expect(groups.flatMap(({ permissions }) => permissions).sort()).toEqual(['module:read', 'new:thing', 'run:create', 'run:read', 'tenant:read']);
});

test('patterns are those the host takes', () => {
  expect(patternsOf(['log:read', 'run:create:report-*'])).toEqual(['report-*']);
  for (const good of ['*', 'report-*', 'a?.b_c']) expect(isPattern(good)).toBe(true);
  for (const bad of ['', 'A', 'a b', '[a]', 'x'.repeat(65)]) expect(isPattern(bad)).toBe(false);
});
