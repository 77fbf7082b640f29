"""What chapters and exercises share: data, training loop, figures, claims, source listings.

Import from the module that owns a thing, for example ``from course_lib.lab.plots import show``:
`lab.training` needs torch, `lab.data` needs scikit-learn, and neither is loaded here.
"""
