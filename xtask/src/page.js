// Presses every button of the page, then reports what is wrong in an attribute of the document.
addEventListener("load", () => setTimeout(() => {
  const press = (button) => { if (button.id !== "theme" && !button.closest("[hidden]")) button.click(); };
  const buttons = [...document.querySelectorAll("button")];
  buttons.forEach(press);
  // A button of the legend hides its outcome; the second press shows it again.
  buttons.filter((button) => button.hasAttribute("aria-pressed")).forEach(press);
  document.querySelectorAll("details").forEach((details) => { details.open = true; });
  document.querySelector("#zoom-all")?.click();
  setTimeout(() => {
    const width = document.documentElement.clientWidth;
    const scrolls = (element) => element.parentElement?.closest(".scroll, pre, #tip");
    const wide = [...document.querySelectorAll("main *")]
      .filter((element) => !scrolls(element) && element.getBoundingClientRect().right > width + 1)
      .map((element) => element.tagName.toLowerCase() + (element.id ? "#" + element.id : "") + (element.className ? "." + element.className : ""));
    const view = document.querySelector("#view");
    const pixels = view.getContext("2d").getImageData(0, 0, view.width, view.height).data;
    const colours = new Set();
    for (let at = 0; at < pixels.length; at += 4 * 97) colours.add(pixels[at] << 16 | pixels[at + 1] << 8 | pixels[at + 2]);
    document.documentElement.dataset.report = JSON.stringify({
      faults: window.faults, wide, width, scrolled: document.documentElement.scrollWidth, colours: colours.size,
      dark: matchMedia("(prefers-color-scheme: dark)").matches,
      failures: document.querySelectorAll("#failures-body tr").length,
    });
  }, 300);
}, 300));
