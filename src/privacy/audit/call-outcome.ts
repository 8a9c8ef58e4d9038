/** Whether a status says that the call was refused, in our word or in those of other systems (02-audit-trail, "Event"). */
export const isDeniedStatus = (status: string): boolean =>
  /^(?:denied|blocked|forbidden)$/i.test(status);
