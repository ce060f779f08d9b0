// Downloads of all lines that match, as they were written or as JSON lines. Nothing of them is rendered.
import { useMutation } from '@tanstack/react-query';
import { DropdownMenu } from 'radix-ui';
import { exportLogs, type LogFilter } from '../../api/endpoints';
import { problemFrom } from '../../api/problem';
import { DownloadIcon } from '../../ui/icons';
import { ProblemNotice } from '../../ui/parts';

export function LogDownload({ tenant, filter }: { tenant: string; filter: LogFilter }) {
  const download = useMutation({ mutationFn: (format: 'raw' | 'jsonl') => save(tenant, filter, format) });
  return (
    <>
      <DropdownMenu.Root modal={false}>
        <DropdownMenu.Trigger className="button small" disabled={download.isPending}>
          <DownloadIcon size={15} /> {download.isPending ? 'Downloading…' : 'Download'}
        </DropdownMenu.Trigger>
        <DropdownMenu.Portal>
          <DropdownMenu.Content className="menu" align="end" sideOffset={6}>
            <DropdownMenu.Item className="menu-item" onSelect={() => download.mutate('raw')}>
              As written
            </DropdownMenu.Item>
            <DropdownMenu.Item className="menu-item" onSelect={() => download.mutate('jsonl')}>
              JSON lines, with all that is known of each
            </DropdownMenu.Item>
          </DropdownMenu.Content>
        </DropdownMenu.Portal>
      </DropdownMenu.Root>
      {download.error && <ProblemNotice error={download.error} />}
    </>
  );
}

/** By way of a blob: a plain link cannot carry the bearer token. The browser keeps large ones on disk. */
async function save(tenant: string, filter: LogFilter, format: 'raw' | 'jsonl'): Promise<void> {
  const response = await exportLogs(tenant, filter, format);
  if (!response.ok) throw problemFrom(response.status, await response.text(), response.headers.get('Retry-After'));
  const url = URL.createObjectURL(await response.blob());
  const link = document.createElement('a');
  link.href = url;
  link.download = `${tenant}-log.${format === 'raw' ? 'txt' : 'jsonl'}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
