/** True where the address is this machine's own: `localhost` and its subdomains, 127.0.0.0/8, ::1. No name is looked up. */
export const isLoopback = ({ hostname }: URL): boolean =>
  /^(.+\.)?localhost$/.test(hostname) || /^127(\.\d+){3}$/.test(hostname) || hostname === '[::1]'
