/** The function `hold` of `contractDefinition`, and the tokens it was given. */
export function heldTokens() {
  const tokens = new Map<string, string[]>();
  return {
    hold: async (payload: unknown): Promise<void> => {
      const { name, token } = payload as { name: string; token: string };
      tokens.set(name, [...(tokens.get(name) ?? []), token]);
    },
    /** The one it was given for this execution when it was called the `nth` time. */
    async tokenOf(name: string, nth = 1): Promise<string> {
      for (;;) {
        const token = tokens.get(name)?.[nth - 1];
        if (token !== undefined) return token;
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
}
