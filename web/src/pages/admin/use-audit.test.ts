import { expect, test } from 'vitest';
import type { AuditRecord } from '../../api/admin-types';
import { withLive } from './use-audit';

const record = (seq: number) => ({ seq }) as AuditRecord;

test('records come newest first, and one that came both ways is there once', () => {
  const shown = withLive([record(9), record(8), record(7)], [record(7), record(6)]);
  expect(shown.map(({ seq }) => seq)).toEqual([9, 8, 7, 6]);
});
