// Choosing permissions: by area, none beyond what one holds, and command patterns for who may run only some.
import { useMemo, useState } from 'react';
import { allows, groupPermissions, isPattern, patternsOf, withPattern } from '../../lib/permissions';
import { Field } from '../../ui/parts';

interface PickerProps {
  /** All that there are. */
  all: readonly string[];
  /** What the person who chooses holds. */
  held: readonly string[];
  value: readonly string[];
  onChange: (value: string[]) => void;
}

const verbOf = (permission: string) => permission.slice(permission.indexOf(':') + 1);

export function PermissionPicker({ all, held, value, onChange }: PickerProps) {
  const groups = useMemo(() => groupPermissions(all), [all]);
  const toggle = (permission: string, on: boolean) => onChange(on ? [...value, permission] : value.filter((one) => one !== permission));
  return (
    <div className="permissions">
      <div className="permission-groups" role="group" aria-label="Permissions">
        {groups.map(({ area, label, permissions }) => (
          <fieldset key={area} className="permission-group">
            <legend>{label}</legend>
            <div>
              {permissions.map((permission) => {
                const lacking = !held.includes(permission);
                return (
                  <label key={permission} className="check" title={lacking ? 'You do not hold this yourself.' : permission}>
                    <input type="checkbox" aria-label={permission} checked={value.includes(permission)} disabled={lacking && !value.includes(permission)} onChange={(event) => toggle(permission, event.target.checked)} />
                    {verbOf(permission)}
                  </label>
                );
              })}
            </div>
          </fieldset>
        ))}
      </div>
      {allows(held, 'run:create') && !value.includes('run:create') && <Patterns value={value} onChange={onChange} />}
    </div>
  );
}

function Patterns({ value, onChange }: Pick<PickerProps, 'value' | 'onChange'>) {
  const [text, setText] = useState(() => patternsOf(value).join(' '));
  const words = text.split(/[\s,]+/).filter(Boolean);
  const wrong = words.find((word) => !isPattern(word));
  const change = (next: string) => {
    setText(next);
    const good = next.split(/[\s,]+/).filter(isPattern);
    const others = value.filter((one) => !one.startsWith(withPattern('')));
    onChange([...others, ...good.map(withPattern)]);
  };
  return (
    <Field label="May run only these commands" hint="Names or patterns, such as report-*, separated by spaces. * stands for any characters." error={wrong && `“${wrong}” is no name or pattern of commands.`}>
      {(control) => <input {...control} className="input mono" spellCheck={false} value={text} onChange={(event) => change(event.target.value)} />}
    </Field>
  );
}
