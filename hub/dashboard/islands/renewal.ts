// The id of a part of the page that is out of date arrives; as the hub shows it now, it stands in its place, and the rest of the page stays.

/** Cannot reject: what is out of date is still there, and the next look at the page mends it. */
export async function renew(id: string): Promise<void> {
  const shown = document.querySelector(`#${CSS.escape(id)}`);
  try {
    const answer = await fetch(location.href, { headers: { accept: 'text/html' } });
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    const now = page.querySelector(`#${CSS.escape(id)}`);
    if (answer.ok && now !== null) shown?.replaceWith(document.importNode(now, true));
  } catch {}
}
