// A change on the host after which some lists must be asked for again.
import { useMutation, useQueryClient, type QueryKey, type UseMutationResult } from '@tanstack/react-query';

export function useChange<A, R>(act: (argument: A) => Promise<R>, stale: readonly QueryKey[], onDone?: (result: R) => void): UseMutationResult<R, Error, A> {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: act,
    onSuccess: (result) => {
      for (const queryKey of stale) void queries.invalidateQueries({ queryKey });
      onDone?.(result);
    },
  });
}
