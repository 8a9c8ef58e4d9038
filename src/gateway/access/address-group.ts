import { isIPv6 } from 'node:net';

const expand = (groups: string): string[] => (groups === '' ? [] : groups.split(':'));

/**
 * What counts as one address: of IPv6 the first 64 bits, since a household has
 * all the rest; an IPv4 address written as IPv6 is the IPv4 address.
 */
export const addressGroup = (ip: string): string => {
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip) ?? [];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(ip)) return ip;
  const [head = '', tail = ''] = ip.replace(/%.*$/, '').split('::');
  const left = expand(head);
  const right = expand(tail);
  const zeros = Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0');
  return [...left, ...zeros, ...right].slice(0, 4).join(':').toLowerCase();
};
