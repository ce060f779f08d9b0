// Chooses between starting, sign-in and the console proper.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { useEffect } from 'react';
import { asProblem } from '../api/problem';
import { SignInPage } from '../pages/sign-in';
import { applyTheme, usePrefs } from '../state/prefs';
import { resume, useSession } from '../state/session';
import { ProblemNotice, Waiting } from '../ui/parts';
import { router } from './router';

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      // Asking again helps against a lost connection, never against a refusal.
      retry: (count, error) => count < 2 && (asProblem(error).status === 0 || asProblem(error).status >= 500),
    },
  },
});

export function App() {
  const theme = usePrefs((prefs) => prefs.theme);
  const { session, linkToken, invitationToken } = useSession();
  useEffect(() => applyTheme(theme), [theme]);
  const outside = linkToken !== undefined || invitationToken !== undefined || session.status === 'signed_out';
  useEffect(() => {
    // What one principal has read must not greet the next one, and every way from one to the other leads outside.
    if (outside) queries.clear();
  }, [outside]);

  if (outside) return <SignInPage />;
  if (session.status === 'starting') return <Waiting label="Signing in" />;
  if (session.status === 'unreachable') {
    return (
      <main className="lonely">
        <ProblemNotice
          error={session.problem}
          action={
            <button type="button" className="button small" onClick={() => void resume()}>
              Try again
            </button>
          }
        />
      </main>
    );
  }
  return (
    <QueryClientProvider client={queries}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  );
}
