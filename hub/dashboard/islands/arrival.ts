// The fragment of the address arrives with a token; it fills the form's field and is gone from the address.

const form = document.querySelector<HTMLFormElement>('[data-arrival]');
const token = decodeURIComponent(location.hash.slice(1)).replace(/^token=/, '');

if (form !== null && token !== '') {
  const input = form.querySelector<HTMLInputElement>('[name="token"]');
  const place = form.querySelector<HTMLElement>('[data-token-field]');
  if (input !== null && place !== null) {
    input.value = token;
    place.hidden = true;
  }
  // Neither the browser's history nor a screenshot shall keep it.
  history.replaceState(null, '', location.pathname);
  form.querySelector<HTMLElement>('[name="username"]')?.focus();
}
