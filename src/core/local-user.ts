import { userInfo } from 'node:os';

/** Who is at the terminal: the name, or the number of a user that the system has no name for, as in a container. */
export const localUserName = (): string => {
  try {
    return userInfo().username;
  } catch {
    return `uid-${process.getuid?.() ?? 'unknown'}`;
  }
};
