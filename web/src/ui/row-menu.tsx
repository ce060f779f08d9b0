// What can be done with one row, behind three dots.
import { DropdownMenu } from 'radix-ui';
import { MoreIcon } from './icons';

export interface RowAction {
  label: string;
  onSelect: () => void;
  danger?: boolean;
}

/** Nothing at all when nothing can be done. */
export function RowMenu({ label, actions }: { label: string; actions: readonly RowAction[] }) {
  if (actions.length === 0) return null;
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger className="button small icon quiet" aria-label={label} title={label}>
        <MoreIcon size={16} />
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content className="menu" align="end" sideOffset={4}>
          {actions.map((action) => (
            <DropdownMenu.Item key={action.label} className={action.danger ? 'menu-item danger' : 'menu-item'} onSelect={action.onSelect}>
              {action.label}
            </DropdownMenu.Item>
          ))}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}
