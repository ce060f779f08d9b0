// Search in what the terminal holds.
import { useEffect, useRef, useState } from 'react';
import { formatCount } from '../../lib/format';
import { ArrowDownIcon, ArrowUpIcon, CrossIcon, SearchIcon } from '../../ui/icons';
import type { SessionView } from '../../ui/session-screen';

interface SearchBarProps {
  matches: SessionView['matches'];
  onFind: (text: string, back: boolean) => void;
  onClose: () => void;
}

export function SearchBar({ matches, onFind, onClose }: SearchBarProps) {
  const field = useRef<HTMLInputElement>(null);
  const [text, setText] = useState('');
  useEffect(() => field.current?.focus(), []);
  const onKeyDown = (event: React.KeyboardEvent) => {
    if (event.key === 'Escape') onClose();
    else if (event.key === 'Enter') onFind(text, !event.shiftKey);
    else return;
    event.preventDefault();
  };
  return (
    <search className="term-search">
      <div className="search grow">
        <SearchIcon size={16} />
        <input
          ref={field}
          className="input small"
          type="search"
          aria-label="Find in the terminal"
          placeholder="Find in the terminal"
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            onFind(event.target.value, true);
          }}
          onKeyDown={onKeyDown}
        />
      </div>
      <span className="muted num term-matches" role="status">
        {text !== '' && matches ? (matches.count === 0 ? 'Nothing found' : matches.index < 0 ? `over ${formatCount(matches.count)}` : `${formatCount(matches.index + 1)} of ${formatCount(matches.count)}`) : ''}
      </span>
      <button type="button" className="button small icon quiet" aria-label="Further up" onClick={() => onFind(text, true)}>
        <ArrowUpIcon size={15} />
      </button>
      <button type="button" className="button small icon quiet" aria-label="Further down" onClick={() => onFind(text, false)}>
        <ArrowDownIcon size={15} />
      </button>
      <button type="button" className="button small icon quiet" aria-label="Close the search" onClick={onClose}>
        <CrossIcon size={15} />
      </button>
    </search>
  );
}
