// Downloads of all lines that match, as they were written or as JSON lines. Nothing of them is rendered.
import { useMutation } from '@tanstack/react-query';
import { DropdownMenu } from 'radix-ui';
import { exportLogs, type LogFilter } from '../../api/endpoints';
import { saveAnswer } from '../../lib/download';
import { DownloadIcon } from '../../ui/icons';
import { ProblemNotice } from '../../ui/parts';

export function LogDownload({ tenant, filter }: { tenant: string; filter: LogFilter }) {
  const download = useMutation({ mutationFn: async (format: 'raw' | 'jsonl') => saveAnswer(await exportLogs(tenant, filter, format), `${tenant}-log.${format === 'raw' ? 'txt' : 'jsonl'}`) });
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
