import type { Principal } from '../access/principal.ts'

/** In whose name something is done, as shown to others: an admin may act for somebody; everybody else is themselves, whatever they say. */
export const saidBy = ({ name, admin }: Principal, said: string | undefined): string => (admin ? (said ?? name) : name)
