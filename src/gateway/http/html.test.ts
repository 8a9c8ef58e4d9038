import { expect, it } from 'vitest';
import { html } from './html.ts';

it('escapes every inserted text, in elements and attributes', () => {
  const hostile = `"><script>alert('&')</script>`;
  expect(html`<a title="${hostile}">${hostile}</a>`.text).toBe(
    '<a title="&quot;&gt;&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;">' +
      '&quot;&gt;&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;</a>',
  );
});

it('takes markup as it is, alone or in a list, and nothing for null', () => {
  const items = ['a', '<'].map((text) => html`<li>${text}</li>`);
  expect(html`<ul>${items}</ul>${null}${html`<hr>`}`.text).toBe(
    '<ul><li>a</li><li>&lt;</li></ul><hr>',
  );
});
